// protozero has no generated code: fields are written and read by hand.
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "bench/codec/codec.h"

namespace bench {

namespace {

// Into the same string each time, which is then copied out.
struct Message {
  explicit Message(const Content& from) : content(from) {}
  std::size_t finish(char* out) const {
    std::memcpy(out, buffer.data(), buffer.size());
    return buffer.size();
  }
  Content content;
  std::string buffer;
};

std::string_view view(const protozero::data_view& data) { return {data.data(), data.size()}; }

struct Flat : Message {
  using Message::Message;
  std::size_t encode(char* out) {
    buffer.clear();
    protozero::pbf_writer writer(buffer);
    writer.add_uint32(1, content.id);
    writer.add_string(2, content.user);
    writer.add_bool(3, content.urgent);
    return finish(out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case 1:
          sum.number(reader.get_uint32());
          break;
        case 2:
          sum.text(view(reader.get_view()));
          break;
        case 3:
          sum.number(reader.get_bool());
          break;
        default:
          reader.skip();
      }
    }
  }
};

struct Mixed : Message {
  using Message::Message;
  std::size_t encode(char* out) {
    buffer.clear();
    protozero::pbf_writer writer(buffer);
    writer.add_string(1, content.user);
    writer.add_string(2, content.text);
    writer.add_int64(3, content.time);
    writer.add_double(4, content.score);
    for (const auto& item : content.items) add_pair(writer, 5, item);
    writer.add_packed_uint32(6, content.counts.begin(), content.counts.end());
    for (const auto& label : content.labels) add_pair(writer, 7, label);
    return finish(out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag()) {
        case 1:
        case 2:
          sum.text(view(reader.get_view()));
          break;
        case 3:
          sum.number(static_cast<std::uint64_t>(reader.get_int64()));
          break;
        case 4:
          sum.real(reader.get_double());
          break;
        case 6:
          for (const std::uint32_t count : reader.get_packed_uint32()) sum.number(count);
          break;
        case 5:
        case 7:
          take_pair(reader.get_message(), sum);
          break;
        default:
          reader.skip();
      }
    }
  }
  static void add_pair(protozero::pbf_writer& to, protozero::pbf_tag_type tag,
                       const std::pair<std::string, std::int32_t>& pair) {
    protozero::pbf_writer writer(to, tag);
    writer.add_string(1, pair.first);
    writer.add_int32(2, pair.second);
  }
  static void take_pair(protozero::pbf_reader reader, Sum& sum) {
    while (reader.next()) {
      switch (reader.tag()) {
        case 1:
          sum.text(view(reader.get_view()));
          break;
        case 2:
          sum.number(static_cast<std::uint64_t>(reader.get_int32()));
          break;
        default:
          reader.skip();
      }
    }
  }
};

struct Blob : Message {
  using Message::Message;
  std::size_t encode(char* out) {
    buffer.clear();
    protozero::pbf_writer(buffer).add_bytes(1, content.data);
    return finish(out);
  }
  static void decode(std::string_view bytes, Sum& sum) {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next(1)) sum.text(view(reader.get_view()));
  }
};

}  // namespace

std::unique_ptr<Codec> make_protozero(Shape shape, const Content& content) {
  return make_codec<Flat, Mixed, Blob>(shape, content);
}

}  // namespace bench
