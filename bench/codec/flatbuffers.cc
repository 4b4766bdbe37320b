// Received bytes are verified, as those of a stranger must be. That does not look at text.
#include "bench/codec/codec.h"
#include "codec_generated.h"

namespace bench {

namespace {

std::string_view view(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : std::string_view(text->c_str(), text->size());
}

template <typename T>
struct Message {
  explicit Message(const Content& from) : content(from) {}
  std::size_t finish(flatbuffers::Offset<T> root, char* out) {
    builder.Finish(root);
    const std::size_t size = builder.GetSize();
    std::memcpy(out, builder.GetBufferPointer(), size);
    builder.Clear();
    return size;
  }
  static const T* verified(std::string_view bytes) {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
    flatbuffers::Verifier verifier(begin, bytes.size());
    return verifier.VerifyBuffer<T>(nullptr) ? flatbuffers::GetRoot<T>(begin) : nullptr;
  }
  Content content;
  flatbuffers::FlatBufferBuilder builder;
};

struct Flat : Message<flat_codec::Flat> {
  using Message::Message;
  std::size_t encode(char* out) {
    const auto user = builder.CreateString(content.user);
    return finish(flat_codec::CreateFlat(builder, content.id, user, content.urgent), out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    const auto* const message = verified(bytes);
    if (message == nullptr) return;
    sum.number(message->id());
    sum.text(view(message->user()));
    sum.number(message->urgent());
  }
};

struct Mixed : Message<flat_codec::Mixed> {
  using Message::Message;
  std::size_t encode(char* out) {
    items.clear();
    for (const auto& [name, amount] : content.items) {
      items.push_back(flat_codec::CreateItem(builder, builder.CreateString(name), amount));
    }
    labels.clear();
    for (const auto& [key, value] : content.labels) {
      labels.push_back(flat_codec::CreateLabel(builder, builder.CreateString(key), value));
    }
    const auto user = builder.CreateString(content.user);
    const auto text = builder.CreateString(content.text);
    const auto all_items = builder.CreateVector(items);
    const auto counts = builder.CreateVector(content.counts);
    const auto all_labels = builder.CreateVector(labels);
    return finish(flat_codec::CreateMixed(builder, user, text, content.time, content.score,
                                          all_items, counts, all_labels),
                  out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    const auto* const message = verified(bytes);
    if (message == nullptr) return;
    sum.text(view(message->user()));
    sum.text(view(message->text()));
    sum.number(static_cast<std::uint64_t>(message->time()));
    sum.real(message->score());
    for (const auto* item : *message->items()) {
      sum.text(view(item->name()));
      sum.number(static_cast<std::uint64_t>(item->amount()));
    }
    for (const std::uint32_t count : *message->counts()) sum.number(count);
    for (const auto* label : *message->labels()) {
      sum.text(view(label->key()));
      sum.number(static_cast<std::uint64_t>(label->value()));
    }
  }
  std::vector<flatbuffers::Offset<flat_codec::Item>> items;
  std::vector<flatbuffers::Offset<flat_codec::Label>> labels;
};

struct Blob : Message<flat_codec::Blob> {
  using Message::Message;
  std::size_t encode(char* out) {
    const auto* const data = reinterpret_cast<const std::uint8_t*>(content.data.data());
    const auto bytes = builder.CreateVector(data, content.data.size());
    return finish(flat_codec::CreateBlob(builder, bytes), out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    const auto* const message = verified(bytes);
    if (message == nullptr) return;
    sum.text({reinterpret_cast<const char*>(message->data()->data()), message->data()->size()});
  }
};

}  // namespace

std::unique_ptr<Codec> make_flatbuffers(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
