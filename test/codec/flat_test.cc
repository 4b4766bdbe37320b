// Flat messages, which generated code encodes and decodes, are what protobuf makes of them.

#include <google/protobuf/message.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "flat.messi.h"
#include "test/catch.h"
#include "test/codec/sender.h"
#include "test/support/receive.h"

using flat::FlatCodec;
using messi::codec::FieldReader;
using messi::codec::Fields;
using messi::codec::Kind;
using messi::codec::Received;
using messi::codec::Take;
using messi::test::payload_of;
using messi::test::receive;
using messi::test::Sender;
using namespace std::string_literals;

namespace {

std::string sent(std::uint32_t field, const google::protobuf::MessageLite& message,
                 const Kind& kind) {
  Sender sender;
  messi::codec::send(sender, field, message, kind);
  return sender.payload();
}

/// The same by generated code alone; nothing if it leaves the message to libprotobuf.
std::string written(std::uint32_t field, const google::protobuf::MessageLite& message,
                    const Kind& kind) {
  Fields fields;
  kind.put(message, fields);
  if (!fields.ok()) return "";
  fields.finish(field);
  std::string bytes(fields.size(), '\xee');
  fields.write(reinterpret_cast<std::uint8_t*>(bytes.data()));
  return bytes;
}

/// A received message in protobuf's encoding, or "error".
template <typename Message>
std::string received(Received& received, const std::string& bytes, Take take) {
  std::string seen = "error";
  const bool decoded =
      receive<Message>(received, payload_of(bytes), take,
                       [&](const Message& message) { seen = message.SerializeAsString(); });
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
void check_receiving(Take take, unsigned seed) {
  Random random(seed);
  Received kept(1);
  int legal = 0;
  int illegal = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes =
        random.one_in(3) ? random.message<Message>().SerializeAsString() : random.fields();
    if (random.one_in(4)) bytes = random.damaged(bytes);
    const std::string expected = parsed<Message>(bytes);
    (expected == "error" ? illegal : legal) += 1;
    CHECK(received<Message>(kept, bytes, take) == expected);
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
    CHECK(sent(1, wrapper.everything(), FlatCodec::kind_Everything) == wrapper.SerializeAsString());
    CHECK(written(1, wrapper.everything(), FlatCodec::kind_Everything) ==
          wrapper.SerializeAsString());
    *wrapper.mutable_optional() = random.message<flat::Optional>();
    CHECK(sent(2, wrapper.optional(), FlatCodec::kind_Optional) == wrapper.SerializeAsString());
    CHECK(written(2, wrapper.optional(), FlatCodec::kind_Optional) == wrapper.SerializeAsString());
  }
}

TEST_CASE("large texts of a flat message are sent from where they lie", "[codec]") {
  constexpr std::size_t kLarge = Fields::kLargeText;
  const auto gathered = [](const flat::ClientToServer& wrapper) {
    Sender sender;
    messi::codec::send(sender, 1, wrapper.everything(), FlatCodec::kind_Everything);
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
    CHECK(gathered(wrapper));
  }
  for (int i = 0; i < 200; ++i) {
    flat::ClientToServer wrapper;
    *wrapper.mutable_everything() = random.message<flat::Everything>();
    wrapper.mutable_everything()->set_text(std::string(kLarge, 'x') + "\u00fc");
    gathered(wrapper);
  }
}

TEST_CASE("long texts are left where they lie, as many as there is room for", "[codec]") {
  const std::string text(Fields::kLargeText, 'x');
  for (std::size_t count = 0; count <= Fields::kMostTexts + 1; ++count) {
    Fields fields;
    for (std::size_t i = 0; i < count; ++i) fields.put_string(10, text);
    CHECK(fields.has_large_text() == (count > 0));
    CHECK(fields.ok() == (count <= Fields::kMostTexts));
    if (!fields.ok()) continue;
    fields.finish(1);
    messi::Slice slices[Fields::kMostSlices];
    REQUIRE(fields.slices(slices) == (count == 0 ? 2 : 2 * count + 1));
    for (std::size_t i = 0; i < count; ++i) CHECK(slices[2 * i + 2].data == text.data());
  }
}

TEST_CASE("texts of any length are encoded as protobuf does", "[codec]") {
  flat::ClientToServer wrapper;
  flat::Everything& message = *wrapper.mutable_everything();
  for (std::size_t size = 0; size < 300; ++size) {
    message.set_text(std::string(size, 'x'));
    message.set_data(std::string(300 - size, 'y'));
    CHECK(written(1, message, FlatCodec::kind_Everything) == wrapper.SerializeAsString());
  }
}

TEST_CASE("a message of more than generated code has room for is left to protobuf", "[codec]") {
  Fields fields;
  for (std::uint32_t i = 0; fields.ok() && i < 1'000; ++i) fields.put_fixed64(9, 1);
  CHECK_FALSE(fields.ok());
  CHECK(fields.bad_tag() == 0);
}

TEST_CASE("flat messages are decoded as protobuf does", "[codec]") {
  check_receiving<flat::Everything>(&FlatCodec::take_Everything, 2);
  check_receiving<flat::Optional>(&FlatCodec::take_Optional, 3);
  check_receiving<flat::Keywords>(&FlatCodec::take_Keywords, 4);
}

TEST_CASE("generated code decodes by itself whatever protobuf writes", "[codec]") {
  Random random(5);
  for (int i = 0; i < 2'000; ++i) {
    const std::string bytes = random.message<flat::Everything>().SerializeAsString();
    flat::Everything message;
    FieldReader in(bytes);
    FlatCodec::take_Everything(in, message);
    CHECK(in.ok());
    CHECK(message.SerializeAsString() == bytes);
  }
}

TEST_CASE("unknown fields of a flat message go on with it", "[codec]") {
  flat::Everything message;
  const std::string bytes = "\x08\x07\x9a\x01\x03xyz"s;
  REQUIRE(message.ParseFromString(bytes));
  CHECK(sent(1, message, FlatCodec::kind_Everything) == "\x0a\x08"s + bytes);
  Received kept(1);
  CHECK(received<flat::Everything>(kept, bytes, &FlatCodec::take_Everything) == bytes);
}

TEST_CASE("text of a flat message that is not UTF-8 is neither written nor accepted", "[codec]") {
  flat::Everything message;
  message.set_i32(7);
  message.set_text("\xff\xfe");
  CHECK(written(1, message, FlatCodec::kind_Everything).empty());
  Received kept(1);
  CHECK(received<flat::Everything>(kept, "\x7a\x02\xff\xfe", &FlatCodec::take_Everything) ==
        "error");
}
