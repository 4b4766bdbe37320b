// The sources have no generator, so the tables of the messages are made when the program starts,
// from libprotobuf's descriptor. What encodes and decodes by them is the same.
#include <google/protobuf/descriptor.pb.h>

#include <array>
#include <initializer_list>

#include "bench/codec/codec.h"
#include "codec.pb.h"
#include "google/protobuf/descriptor.upb.h"
#include "upb/mem/arena.h"
#include "upb/message/accessors.h"
#include "upb/message/array.h"
#include "upb/message/map.h"
#include "upb/reflection/def.h"
#include "upb/wire/decode.h"
#include "upb/wire/encode.h"

namespace bench {

namespace {

class Tables {
 public:
  Tables() {
    google::protobuf::FileDescriptorProto file;
    codec::Flat::descriptor()->file()->CopyTo(&file);
    const std::string bytes = file.SerializeAsString();
    upb_Arena* const arena = upb_Arena_New();
    const auto* const parsed =
        google_protobuf_FileDescriptorProto_parse(bytes.data(), bytes.size(), arena);
    if (upb_DefPool_AddFile(pool_, parsed, nullptr) == nullptr) std::abort();
    upb_Arena_Free(arena);
  }
  const upb_MiniTable* of(const char* name) const {
    return upb_MessageDef_MiniTable(upb_DefPool_FindMessageByName(pool_, name));
  }

 private:
  upb_DefPool* pool_ = upb_DefPool_New();
};

const upb_MiniTable* table_of(const char* name) {
  static const Tables tables;
  return tables.of(name);
}

// The fields 1 to N of a message.
template <std::size_t N>
struct Fields {
  explicit Fields(const char* name) : table(table_of(name)) {
    std::uint32_t number = 0;
    for (auto& field : fields) field = upb_MiniTable_FindFieldByNumber(table, ++number);
  }
  const upb_MiniTableField* operator[](std::size_t number) const { return fields[number - 1]; }
  const upb_MiniTable* table;
  std::array<const upb_MiniTableField*, N> fields;
};

upb_StringView view(const std::string& text) {
  return upb_StringView_FromDataAndSize(text.data(), text.size());
}
std::string_view view(upb_StringView text) { return {text.data, text.size}; }

std::string_view text_of(const upb_Message* message, const upb_MiniTableField* field) {
  return view(upb_Message_GetString(message, field, upb_StringView()));
}

/// On memory that is used again; what does not fit is allocated.
class Arena {
 public:
  upb_Arena* clear() {
    if (arena_ != nullptr) upb_Arena_Free(arena_);
    arena_ = upb_Arena_Init(memory_.data(), memory_.size(), &upb_alloc_global);
    return arena_;
  }

 private:
  std::vector<char> memory_ = std::vector<char>(256 * 1024);
  upb_Arena* arena_ = nullptr;
};

template <std::size_t N>
struct Message {
  Message(const Content& from, const char* name)
      : content(from), fields(name), message(upb_Message_New(fields.table, lasting)) {}
  std::size_t encode(char* out) {
    char* begin;
    std::size_t size = 0;
    if (upb_Encode(message, fields.table, 0, arena.clear(), &begin, &size) ==
        kUpb_EncodeStatus_Ok) {
      std::memcpy(out, begin, size);
    }
    return size;
  }
  // Of views of the bytes.
  const upb_Message* parse(std::string_view bytes) {
    upb_Arena* const memory = arena.clear();
    upb_Message* const decoded = upb_Message_New(fields.table, memory);
    const upb_DecodeStatus status = upb_Decode(bytes.data(), bytes.size(), decoded, fields.table,
                                               nullptr, kUpb_DecodeOption_AliasString, memory);
    return status == kUpb_DecodeStatus_Ok ? decoded : nullptr;
  }

  Content content;
  Fields<N> fields;
  Arena arena;
  upb_Arena* lasting = upb_Arena_New();
  upb_Message* message;
};

struct Flat : Message<3> {
  explicit Flat(const Content& from) : Message(from, "codec.Flat") {
    upb_Message_SetBaseFieldUInt32(message, fields[1], content.id);
    upb_Message_SetBaseFieldString(message, fields[2], view(content.user));
    upb_Message_SetBaseFieldBool(message, fields[3], content.urgent);
  }
  void decode(std::string_view bytes, Sum& sum) {
    const upb_Message* const decoded = parse(bytes);
    if (decoded == nullptr) return;
    sum.number(upb_Message_GetUInt32(decoded, fields[1], 0));
    sum.text(text_of(decoded, fields[2]));
    sum.number(upb_Message_GetBool(decoded, fields[3], false));
  }
};

struct Mixed : Message<7> {
  explicit Mixed(const Content& from) : Message(from, "codec.Mixed"), item("codec.Mixed.Item") {
    upb_Message_SetBaseFieldString(message, fields[1], view(content.user));
    upb_Message_SetBaseFieldString(message, fields[2], view(content.text));
    upb_Message_SetBaseFieldInt64(message, fields[3], content.time);
    upb_Message_SetBaseFieldDouble(message, fields[4], content.score);
    for (const auto& [name, amount] : content.items) {
      upb_Message* const each = upb_Message_New(item.table, lasting);
      upb_Message_SetBaseFieldString(each, item[1], view(name));
      upb_Message_SetBaseFieldInt32(each, item[2], amount);
      append(5, [each](upb_MessageValue& value) { value.msg_val = each; });
    }
    for (const std::uint32_t count : content.counts) {
      append(6, [count](upb_MessageValue& value) { value.uint32_val = count; });
    }
    upb_Map* const labels = upb_Message_GetOrCreateMutableMap(
        message, upb_MiniTable_SubMessage(fields[7]), fields[7], lasting);
    for (const auto& [key, value] : content.labels) {
      upb_MessageValue of_key = upb_MessageValue_Zero(), of_value = upb_MessageValue_Zero();
      of_key.str_val = view(key);
      of_value.int32_val = value;
      if (!upb_Map_Set(labels, of_key, of_value, lasting)) std::abort();
    }
  }
  void decode(std::string_view bytes, Sum& sum) {
    const upb_Message* const decoded = parse(bytes);
    if (decoded == nullptr) return;
    sum.text(text_of(decoded, fields[1]));
    sum.text(text_of(decoded, fields[2]));
    sum.number(static_cast<std::uint64_t>(upb_Message_GetInt64(decoded, fields[3], 0)));
    sum.real(upb_Message_GetDouble(decoded, fields[4], 0));
    const upb_Array* const items = upb_Message_GetArray(decoded, fields[5]);
    for (std::size_t i = 0; i < upb_Array_Size(items); ++i) {
      const upb_Message* const each = upb_Array_Get(items, i).msg_val;
      sum.text(text_of(each, item[1]));
      sum.number(static_cast<std::uint64_t>(upb_Message_GetInt32(each, item[2], 0)));
    }
    const upb_Array* const counts = upb_Message_GetArray(decoded, fields[6]);
    const auto* const numbers = static_cast<const std::uint32_t*>(upb_Array_DataPtr(counts));
    for (std::size_t i = 0; i < upb_Array_Size(counts); ++i) sum.number(numbers[i]);
    const upb_Map* const labels = upb_Message_GetMap(decoded, fields[7]);
    std::size_t at = kUpb_Map_Begin;
    for (upb_MessageValue key, value; upb_Map_Next(labels, &key, &value, &at);) {
      sum.text(view(key.str_val));
      sum.number(static_cast<std::uint64_t>(value.int32_val));
    }
  }

 private:
  template <typename Set>
  void append(std::size_t number, const Set& set) {
    upb_Array* const array = upb_Message_GetOrCreateMutableArray(message, fields[number], lasting);
    upb_MessageValue value = upb_MessageValue_Zero();
    set(value);
    if (!upb_Array_Append(array, value, lasting)) std::abort();
  }

  Fields<2> item;
};

struct Blob : Message<1> {
  explicit Blob(const Content& from) : Message(from, "codec.Blob") {
    upb_Message_SetBaseFieldString(message, fields[1], view(content.data));
  }
  void decode(std::string_view bytes, Sum& sum) {
    const upb_Message* const decoded = parse(bytes);
    if (decoded != nullptr) sum.text(text_of(decoded, fields[1]));
  }
};

}  // namespace

std::unique_ptr<Codec> make_upb(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
