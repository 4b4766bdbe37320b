// The messages are used again, as programs that want to be quick do.
#include "bench/codec/codec.h"
#include "codec.pb.h"

namespace bench {

namespace {

template <typename T>
struct Message {
  std::size_t encode(char* out) const {
    const std::size_t size = message.ByteSizeLong();
    message.SerializeToArray(out, static_cast<int>(size));
    return size;
  }
  bool parse(std::string_view bytes) {
    return decoded.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  T message, decoded;
};

struct Flat : Message<codec::Flat> {
  explicit Flat(const Content& from) {
    message.set_id(from.id);
    message.set_user(from.user);
    message.set_urgent(from.urgent);
  }
  void decode(std::string_view bytes, Sum& sum) {
    if (!parse(bytes)) return;
    sum.number(decoded.id());
    sum.text(decoded.user());
    sum.number(decoded.urgent());
  }
};

struct Mixed : Message<codec::Mixed> {
  explicit Mixed(const Content& from) {
    message.set_user(from.user);
    message.set_text(from.text);
    message.set_time(from.time);
    message.set_score(from.score);
    for (const auto& [name, amount] : from.items) {
      auto* const item = message.add_items();
      item->set_name(name);
      item->set_amount(amount);
    }
    for (const std::uint32_t count : from.counts) message.add_counts(count);
    for (const auto& [key, value] : from.labels) (*message.mutable_labels())[key] = value;
  }
  void decode(std::string_view bytes, Sum& sum) {
    if (!parse(bytes)) return;
    sum.text(decoded.user());
    sum.text(decoded.text());
    sum.number(static_cast<std::uint64_t>(decoded.time()));
    sum.real(decoded.score());
    for (const auto& item : decoded.items()) {
      sum.text(item.name());
      sum.number(static_cast<std::uint64_t>(item.amount()));
    }
    for (const std::uint32_t count : decoded.counts()) sum.number(count);
    for (const auto& [key, value] : decoded.labels()) {
      sum.text(key);
      sum.number(static_cast<std::uint64_t>(value));
    }
  }
};

struct Blob : Message<codec::Blob> {
  explicit Blob(const Content& from) { message.set_data(from.data); }
  void decode(std::string_view bytes, Sum& sum) {
    if (parse(bytes)) sum.text(decoded.data());
  }
};

}  // namespace

std::unique_ptr<Codec> make_protobuf(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
