#include "bench/codec/codec.h"
#include "views_codec.messi.h"

namespace bench {

namespace {

std::string_view view(const std::string& text) { return text; }

template <typename T>
std::size_t encode(const T& message, char* out) {
  auto* const begin = reinterpret_cast<std::uint8_t*>(out);
  // As it is sent: measured first, for the frame.
  asm volatile("" ::"r"(messi::encoded_size(message)));
  return static_cast<std::size_t>(messi::encode(message, begin) - begin);
}

struct Flat {
  explicit Flat(const Content& from) : content(from) {}
  std::size_t encode(char* out) const {
    return bench::encode(views_codec::Flat{content.id, view(content.user), content.urgent}, out);
  }
  void decode(std::string_view bytes, Sum& sum) const {
    views_codec::Flat message;
    if (!messi::decode(bytes, message)) return;
    sum.number(message.id);
    sum.text(message.user);
    sum.number(message.urgent);
  }
  Content content;
};

struct Mixed {
  explicit Mixed(const Content& from) : content(from) {
    for (const auto& [name, amount] : content.items) items.push_back({name, amount});
  }
  std::size_t encode(char* out) const {
    views_codec::Mixed message;
    message.user = content.user;
    message.text = content.text;
    message.time = content.time;
    message.score = content.score;
    message.items = items;
    message.counts = content.counts;
    message.labels = content.labels;
    return bench::encode(message, out);
  }
  void decode(std::string_view bytes, Sum& sum) const {
    views_codec::Mixed message;
    if (!messi::decode(bytes, message)) return;
    sum.text(message.user);
    sum.text(message.text);
    sum.number(static_cast<std::uint64_t>(message.time));
    sum.real(message.score);
    for (const auto& item : message.items) {
      sum.text(item.name);
      sum.number(static_cast<std::uint64_t>(item.amount));
    }
    for (const std::uint32_t count : message.counts) sum.number(count);
    for (const auto& [key, value] : message.labels) {
      sum.text(key);
      sum.number(static_cast<std::uint64_t>(value));
    }
  }
  Content content;
  std::vector<views_codec::Mixed::Item> items;
};

struct Blob {
  explicit Blob(const Content& from) : content(from) {}
  std::size_t encode(char* out) const {
    return bench::encode(views_codec::Blob{view(content.data)}, out);
  }
  void decode(std::string_view bytes, Sum& sum) const {
    views_codec::Blob message;
    if (messi::decode(bytes, message)) sum.text(message.data);
  }
  Content content;
};

}  // namespace

std::unique_ptr<Codec> make_views(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
