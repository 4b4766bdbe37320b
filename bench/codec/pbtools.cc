// The generator of the original, with its C library (see test/interop/original/pbtools.h). Messages
// live in workspaces; one is used again for every message that is decoded.
#include "bench/codec/codec.h"
#include "pbtools/codec.h"

namespace bench {

namespace {

// The fields are not const, and nothing writes to them.
char* field(const std::string& text) { return const_cast<char*>(text.c_str()); }

template <typename T>
struct Message {
  using New = T*(void*, std::size_t);
  using Encode = int(T*, std::uint8_t*, std::size_t);
  using Decode = int(T*, const std::uint8_t*, std::size_t);

  Message(const Content& from, New* of_type, Encode* encoding, Decode* decoding)
      : content(from),
        make(of_type),
        encode_message(encoding),
        decode_message(decoding),
        memory(2 * kWorkspace),
        message(make(memory.data(), kWorkspace)) {}
  std::size_t encode(char* out) const {
    const int size = encode_message(message, reinterpret_cast<std::uint8_t*>(out), 128 * 1024);
    return size < 0 ? 0 : static_cast<std::size_t>(size);
  }
  T* parse(std::string_view bytes) {
    T* const decoded = make(memory.data() + kWorkspace, kWorkspace);
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    return decode_message(decoded, begin, bytes.size()) < 0 ? nullptr : decoded;
  }

  static constexpr std::size_t kWorkspace = 128 * 1024;
  Content content;
  New* make;
  Encode* encode_message;
  Decode* decode_message;
  std::vector<char> memory;
  T* message;
};

struct Flat : Message<codec_flat_t> {
  explicit Flat(const Content& from)
      : Message(from, codec_flat_new, codec_flat_encode, codec_flat_decode) {
    message->id = content.id;
    message->user_p = field(content.user);
    message->urgent = content.urgent;
  }
  void decode(std::string_view bytes, Sum& sum) {
    const auto* const decoded = parse(bytes);
    if (decoded == nullptr) return;
    sum.number(decoded->id);
    sum.text(decoded->user_p);
    sum.number(decoded->urgent);
  }
};

struct Mixed : Message<codec_mixed_t> {
  explicit Mixed(const Content& from)
      : Message(from, codec_mixed_new, codec_mixed_encode, codec_mixed_decode) {
    message->user_p = field(content.user);
    message->text_p = field(content.text);
    message->time = content.time;
    message->score = content.score;
    codec_mixed_items_alloc(message, static_cast<int>(content.items.size()));
    auto* item = message->items.items_p;
    for (const auto& [name, amount] : content.items) {
      item->name_p = field(name);
      item++->amount = amount;
    }
    codec_mixed_counts_alloc(message, static_cast<int>(content.counts.size()));
    auto* count = message->counts.items_p;
    for (const std::uint32_t each : content.counts) *count++ = each;
    codec_mixed_labels_alloc(message, static_cast<int>(content.labels.size()));
    auto* label = message->labels.items_p;
    for (const auto& [key, value] : content.labels) {
      label->key_p = field(key);
      label++->value = value;
    }
  }
  void decode(std::string_view bytes, Sum& sum) {
    const auto* const decoded = parse(bytes);
    if (decoded == nullptr) return;
    sum.text(decoded->user_p);
    sum.text(decoded->text_p);
    sum.number(static_cast<std::uint64_t>(decoded->time));
    sum.real(decoded->score);
    for (int i = 0; i < decoded->items.length; ++i) {
      sum.text(decoded->items.items_p[i].name_p);
      sum.number(static_cast<std::uint64_t>(decoded->items.items_p[i].amount));
    }
    for (int i = 0; i < decoded->counts.length; ++i) sum.number(decoded->counts.items_p[i]);
    for (int i = 0; i < decoded->labels.length; ++i) {
      sum.text(decoded->labels.items_p[i].key_p);
      sum.number(static_cast<std::uint64_t>(decoded->labels.items_p[i].value));
    }
  }
};

struct Blob : Message<codec_blob_t> {
  explicit Blob(const Content& from)
      : Message(from, codec_blob_new, codec_blob_encode, codec_blob_decode) {
    message->data.buf_p = reinterpret_cast<std::uint8_t*>(content.data.data());
    message->data.size = content.data.size();
  }
  void decode(std::string_view bytes, Sum& sum) {
    const auto* const decoded = parse(bytes);
    if (decoded == nullptr) return;
    const auto* const data = reinterpret_cast<const char*>(decoded->data.buf_p);
    sum.text(std::string_view(data, decoded->data.size));
  }
};

}  // namespace

std::unique_ptr<Codec> make_pbtools(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
