// With sizes that are known when it is compiled (codec.options), so without heap.
#include <pb_decode.h>
#include <pb_encode.h>

#include "bench/codec/codec.h"
#include "codec.pb.nanopb.h"

namespace bench {

namespace {

void set(char* field, const std::string& text) {
  std::memcpy(field, text.c_str(), text.size() + 1);
}

template <typename T>
struct Message {
  explicit Message(const pb_msgdesc_t* description) : fields(description) {}
  std::size_t encode(char* out) const {
    pb_ostream_t stream = pb_ostream_from_buffer(reinterpret_cast<pb_byte_t*>(out), 128 * 1024);
    return pb_encode(&stream, fields, &message) ? stream.bytes_written : 0;
  }
  bool parse(std::string_view bytes) {
    pb_istream_t stream =
        pb_istream_from_buffer(reinterpret_cast<const pb_byte_t*>(bytes.data()), bytes.size());
    return pb_decode(&stream, fields, &decoded);
  }
  const pb_msgdesc_t* fields;
  T message{}, decoded{};
};

struct Flat : Message<codec_Flat> {
  explicit Flat(const Content& from) : Message(codec_Flat_fields) {
    message.id = from.id;
    set(message.user, from.user);
    message.urgent = from.urgent;
  }
  void decode(std::string_view bytes, Sum& sum) {
    if (!parse(bytes)) return;
    sum.number(decoded.id);
    sum.text(decoded.user);
    sum.number(decoded.urgent);
  }
};

struct Mixed : Message<codec_Mixed> {
  explicit Mixed(const Content& from) : Message(codec_Mixed_fields) {
    set(message.user, from.user);
    set(message.text, from.text);
    message.time = from.time;
    message.score = from.score;
    for (const auto& [name, amount] : from.items) {
      auto& item = message.items[message.items_count++];
      set(item.name, name);
      item.amount = amount;
    }
    for (const std::uint32_t count : from.counts) message.counts[message.counts_count++] = count;
    for (const auto& [key, value] : from.labels) {
      auto& label = message.labels[message.labels_count++];
      set(label.key, key);
      label.value = value;
    }
  }
  void decode(std::string_view bytes, Sum& sum) {
    if (!parse(bytes)) return;
    sum.text(decoded.user);
    sum.text(decoded.text);
    sum.number(static_cast<std::uint64_t>(decoded.time));
    sum.real(decoded.score);
    for (pb_size_t i = 0; i < decoded.items_count; ++i) {
      sum.text(decoded.items[i].name);
      sum.number(static_cast<std::uint64_t>(decoded.items[i].amount));
    }
    for (pb_size_t i = 0; i < decoded.counts_count; ++i) sum.number(decoded.counts[i]);
    for (pb_size_t i = 0; i < decoded.labels_count; ++i) {
      sum.text(decoded.labels[i].key);
      sum.number(static_cast<std::uint64_t>(decoded.labels[i].value));
    }
  }
};

// Debian's nanopb has sizes of 16 bits, so this field is written and read by callbacks.
struct Blob : Message<codec_Blob> {
  explicit Blob(const Content& from) : Message(codec_Blob_fields), data(from.data) {
    message.data.arg = &data;
    message.data.funcs.encode = [](pb_ostream_t* to, const pb_field_t* field, void* const* arg) {
      const auto& bytes = *static_cast<const std::string*>(*arg);
      return pb_encode_tag_for_field(to, field) &&
             pb_encode_string(to, reinterpret_cast<const pb_byte_t*>(bytes.data()), bytes.size());
    };
    decoded.data.arg = &data;
    decoded.data.funcs.decode = [](pb_istream_t* in, const pb_field_t*, void** arg) {
      auto& bytes = *static_cast<std::string*>(*arg);
      bytes.resize(in->bytes_left);
      return pb_read(in, reinterpret_cast<pb_byte_t*>(bytes.data()), bytes.size());
    };
  }
  void decode(std::string_view bytes, Sum& sum) {
    if (parse(bytes)) sum.text(data);
  }
  std::string data;
};

}  // namespace

std::unique_ptr<Codec> make_nanopb(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
