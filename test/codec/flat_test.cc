// Flat messages, which generated code encodes and decodes, are what protobuf makes of them.

#include <google/protobuf/message.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "flat.messi.h"
#include "test/catch.h"
#include "test/codec/sender.h"

using flat::FlatCodec;
using messi::codec::FlatReader;
using messi::codec::FlatSize;
using messi::codec::FlatWriter;
using messi::codec::Reused;
using messi::test::Sender;
using namespace std::string_literals;

namespace {

template <std::uint32_t kField, typename Message>
std::string sent(const Message& message) {
  Sender sender;
  messi::codec::send<kField, FlatCodec>(sender, message);
  return sender.payload();
}

/// The same by generated code alone; nothing if it leaves the message to libprotobuf.
template <typename Message>
std::string written(const Message& message) {
  FlatSize size;
  FlatCodec::encode(message, size);
  std::string bytes(size.size(), '\xee');
  FlatWriter writer(reinterpret_cast<std::uint8_t*>(bytes.data()));
  FlatCodec::encode(message, writer);
  return writer.bad_tag() == 0 ? bytes : "";
}

/// A received message in protobuf's encoding, or "error".
template <typename Message, typename Codec>
std::string received(Reused<Message, Codec>& reused, const std::string& bytes) {
  std::string seen = "error";
  const bool decoded = reused.deliver(
      {1, bytes}, [&](const Message& message) { seen = message.SerializeAsString(); });
  CHECK(decoded == (seen != "error"));
  return seen;
}

template <typename Message>
std::string parsed(const std::string& bytes) {
  Message message;
  return message.ParseFromString(bytes) ? message.SerializeAsString() : "error";
}

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  /// Zero and the extremes are frequent.
  std::uint64_t number() {
    switch (below(6)) {
      case 0:
        return 0;
      case 1:
        return ~std::uint64_t{0};
      case 2:
        return std::uint64_t{1} << below(64);
      default:
        return random_() >> below(64);
    }
  }

  std::string text() {
    static const std::vector<std::string> kCharacters = {"x", "y", "ü", "世", "🌍"};
    std::string result;
    const bool is_ascii = one_in(2);
    for (std::uint64_t i = below(one_in(20) ? 300 : 20); i > 0; --i) {
      result += is_ascii ? "x" : kCharacters[below(kCharacters.size())];
    }
    return result;
  }

  std::string bytes(std::size_t most) {
    std::string result(below(most + 1), '\0');
    for (char& byte : result) byte = static_cast<char>(random_());
    return result;
  }

  /// Sets about half of the fields.
  template <typename Message>
  Message message() {
    using google::protobuf::FieldDescriptor;
    Message result;
    const auto& reflection = *result.GetReflection();
    for (int i = 0; i < result.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = result.GetDescriptor()->field(i);
      if (one_in(2)) continue;
      const std::uint64_t value = number();
      switch (field->cpp_type()) {
        case FieldDescriptor::CPPTYPE_INT32:
          reflection.SetInt32(&result, field, static_cast<std::int32_t>(value));
          break;
        case FieldDescriptor::CPPTYPE_INT64:
          reflection.SetInt64(&result, field, static_cast<std::int64_t>(value));
          break;
        case FieldDescriptor::CPPTYPE_UINT32:
          reflection.SetUInt32(&result, field, static_cast<std::uint32_t>(value));
          break;
        case FieldDescriptor::CPPTYPE_UINT64:
          reflection.SetUInt64(&result, field, value);
          break;
        case FieldDescriptor::CPPTYPE_FLOAT:
          reflection.SetFloat(&result, field, one_in(4) ? -0.0F : static_cast<float>(value) / 3);
          break;
        case FieldDescriptor::CPPTYPE_DOUBLE:
          reflection.SetDouble(&result, field, one_in(4) ? -0.0 : static_cast<double>(value) / 3);
          break;
        case FieldDescriptor::CPPTYPE_BOOL:
          reflection.SetBool(&result, field, value % 2 != 0);
          break;
        case FieldDescriptor::CPPTYPE_ENUM:
          reflection.SetEnumValue(&result, field, static_cast<int>(value));
          break;
        default:
          reflection.SetString(&result, field,
                               field->type() == FieldDescriptor::TYPE_BYTES ? bytes(40) : text());
      }
    }
    return result;
  }

  /// Fields that are mostly of the schema, in any order and form.
  std::string fields() {
    std::string result;
    for (std::uint64_t i = below(6); i > 0; --i) {
      const std::uint64_t field = one_in(10) ? number() : one_in(10) ? 2047 : below(17);
      const std::uint64_t wire_type = one_in(20) ? below(8) : kUsualWireType[field % 17];
      result += varint(field << 3 | wire_type);
      if (wire_type == 0) result += varint(number());
      if (wire_type == 1) result += "12345678";
      if (wire_type == 5) result += "1234";
      if (wire_type != 2) continue;
      const std::string value = one_in(10) ? bytes(10) : text();
      result += varint(value.size() + (one_in(50) ? 1 : 0)) + value;
    }
    return result;
  }

  std::string damaged(std::string bytes) {
    if (bytes.empty()) return bytes;
    if (one_in(2)) return bytes.substr(0, below(bytes.size()));
    bytes[below(bytes.size())] = static_cast<char>(random_());
    return bytes;
  }

 private:
  static constexpr std::uint64_t kUsualWireType[] = {0, 0, 0, 0, 0, 0, 0, 5, 1,
                                                     5, 1, 5, 1, 0, 0, 2, 2};

  std::string varint(std::uint64_t value) {
    std::string result;
    for (; value >= 0x80; value >>= 7) result += static_cast<char>(value | 0x80);
    result += static_cast<char>(value);
    // Now and then longer than it need be.
    for (std::uint64_t i = one_in(20) ? 1 + below(10) : 0; i > 0; --i) {
      result.back() = static_cast<char>(result.back() | '\x80');
      result += '\0';
    }
    return result;
  }

  std::mt19937_64 random_;
};

template <typename Message>
void check_receiving(unsigned seed) {
  Random random(seed);
  Reused<Message, FlatCodec> reused;
  int legal = 0;
  int illegal = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes =
        random.one_in(3) ? random.message<Message>().SerializeAsString() : random.fields();
    if (random.one_in(4)) bytes = random.damaged(bytes);
    const std::string expected = parsed<Message>(bytes);
    (expected == "error" ? illegal : legal) += 1;
    CHECK(received(reused, bytes) == expected);
  }
  CHECK(legal > 5'000);
  CHECK(illegal > 300);
}

}  // namespace

TEST_CASE("flat messages are encoded as protobuf does", "[codec]") {
  Random random(1);
  for (int i = 0; i < 5'000; ++i) {
    flat::ClientToServer wrapper;
    *wrapper.mutable_everything() = random.message<flat::Everything>();
    CHECK(sent<1>(wrapper.everything()) == wrapper.SerializeAsString());
    CHECK(written(wrapper.everything()) == wrapper.everything().SerializeAsString());
    *wrapper.mutable_optional() = random.message<flat::Optional>();
    CHECK(sent<2>(wrapper.optional()) == wrapper.SerializeAsString());
    CHECK(written(wrapper.optional()) == wrapper.optional().SerializeAsString());
  }
}

TEST_CASE("large texts of a flat message are sent from where they lie", "[codec]") {
  constexpr std::size_t kLarge = messi::codec::FlatPieces::kLargeText;
  const auto gathered = [](const flat::ClientToServer& wrapper) {
    Sender sender;
    messi::codec::send<1, FlatCodec>(sender, wrapper.everything());
    CHECK(sender.payload() == wrapper.SerializeAsString());
    return sender.in_pieces();
  };
  Random random(7);
  for (const std::size_t size : {kLarge - 1, kLarge, 5 * kLarge}) {
    flat::ClientToServer wrapper;
    flat::Everything& message = *wrapper.mutable_everything();
    const bool large = size >= kLarge;
    message.set_text(std::string(size, 'x'));
    CHECK(gathered(wrapper) == large);
    message.set_data(std::string(4 * size, '\xff'));
    message.set_i32(-1);
    message.set_value(0.5);
    CHECK(gathered(wrapper) == large);  // else the text is too much around the data
  }
  for (int i = 0; i < 200; ++i) {
    flat::ClientToServer wrapper;
    *wrapper.mutable_everything() = random.message<flat::Everything>();
    wrapper.mutable_everything()->set_text(std::string(kLarge, 'x') + "\u00fc");
    gathered(wrapper);
  }
}

TEST_CASE("a few large texts of a message are left where they lie, and no more", "[codec]") {
  const std::string text(messi::codec::FlatPieces::kLargeText, 'x');
  for (int count = 0; count < 6; ++count) {
    FlatSize size;
    for (int i = 0; i < count; ++i) size.string(10, text);
    CHECK(size.in_pieces(5) == (count >= 1 && count <= 3));
    if (!size.in_pieces(0)) continue;
    messi::codec::FlatPieces pieces;
    FlatWriter writer(pieces.between, &pieces);
    for (int i = 0; i < count; ++i) writer.string(10, text);
    pieces.end_slice(writer.end());
    REQUIRE(pieces.count == static_cast<std::size_t>(2 * count + 1));
    for (std::size_t i = 2; i < pieces.count; i += 2) CHECK(pieces.slices[i].data == text.data());
  }
}

TEST_CASE("a flat message with more around its large texts than fits is copied", "[codec]") {
  flat::Everything message;
  message.set_text(std::string(messi::codec::FlatPieces::kLargeText, 'x'));
  for (std::size_t size = 0; size < 600; ++size) {
    message.set_data(std::string(size, 'y'));
    Sender sender;
    messi::codec::send<1, FlatCodec>(sender, message);
    flat::ClientToServer wrapper;
    *wrapper.mutable_everything() = message;
    CHECK(sender.payload() == wrapper.SerializeAsString());
    if (size < 490) CHECK(sender.in_pieces());
    if (size > 512) CHECK_FALSE(sender.in_pieces());
  }
}

TEST_CASE("flat messages are decoded as protobuf does", "[codec]") {
  check_receiving<flat::Everything>(2);
  check_receiving<flat::Optional>(3);
  check_receiving<flat::Keywords>(4);
}

TEST_CASE("generated code decodes by itself whatever protobuf writes", "[codec]") {
  Random random(5);
  for (int i = 0; i < 2'000; ++i) {
    const std::string bytes = random.message<flat::Everything>().SerializeAsString();
    flat::Everything message;
    CHECK(FlatCodec::decode(FlatReader(bytes), message));
    CHECK(message.SerializeAsString() == bytes);
  }
}

TEST_CASE("unknown fields of a flat message go on with it", "[codec]") {
  flat::Everything message;
  const std::string bytes = "\x08\x07\x9a\x01\x03xyz"s;
  REQUIRE(message.ParseFromString(bytes));
  CHECK(sent<1>(message) == "\x0a\x08"s + bytes);
  Reused<flat::Everything, FlatCodec> reused;
  CHECK(received(reused, bytes) == bytes);
}

TEST_CASE("text of a flat message that is not UTF-8 is neither written nor accepted", "[codec]") {
  flat::Everything message;
  message.set_i32(7);
  message.set_text("\xff\xfe");
  CHECK(written(message).empty());
  Reused<flat::Everything, FlatCodec> reused;
  CHECK(received(reused, "\x7a\x02\xff\xfe") == "error");
}
