#ifndef MESSI_TEST_VIEWS_AGAINST_LIBPROTOBUF_H_
#define MESSI_TEST_VIEWS_AGAINST_LIBPROTOBUF_H_

// Compares our decoding and encoding with that of libprotobuf's classes, on random messages and on
// bytes that are nearly messages. The classes are of the same proto, in another package.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>
#include <google/protobuf/stubs/common.h>
#include <google/protobuf/wire_format.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "messi/views/message.h"

namespace messi::test {

namespace pb = google::protobuf;

using Random = std::mt19937;

inline std::uint32_t below(Random& random, std::uint32_t bound) {
  return static_cast<std::uint32_t>(random()) % bound;
}

inline std::string random_text(Random& random) {
  static constexpr const char* kTexts[] = {"",
                                           "a",
                                           "hello",
                                           ("Gr\xc3\xbc\xc3\x9f"
                                            "e"),
                                           "\xe6\x9d\xb1\xe4\xba\xac",
                                           "\xf0\x9f\x98\x80",
                                           "0123456789"};
  std::string text = kTexts[below(random, 7)];
  if (below(random, 20) == 0) text.append(below(random, 300), 'x');
  return text;
}

inline std::uint64_t random_number(Random& random) {
  const std::uint64_t bits = static_cast<std::uint64_t>(random()) << 32 | random();
  switch (below(random, 4)) {
    case 0:
      return bits & 3;
    case 1:
      return ~(bits & 0xff);
    default:
      return bits >> below(random, 64);
  }
}

/// Fills a message with random fields.
inline void fill(pb::Message& message, Random& random, int levels) {
  const pb::Descriptor& type = *message.GetDescriptor();
  const pb::Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const pb::FieldDescriptor* const field = type.field(i);
    const bool is_message = field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_message && levels == 0) continue;
    const std::uint32_t count = field->is_repeated() ? below(random, 4) : below(random, 2);
    for (std::uint32_t n = 0; n < count; ++n) {
      const std::uint64_t number = random_number(random);
      const auto set = [&](auto add, auto set_one, auto value) {
        field->is_repeated() ? (reflection.*add)(&message, field, value)
                             : (reflection.*set_one)(&message, field, value);
      };
      switch (field->cpp_type()) {
        case pb::FieldDescriptor::CPPTYPE_INT32:
          set(&pb::Reflection::AddInt32, &pb::Reflection::SetInt32,
              static_cast<std::int32_t>(number));
          break;
        case pb::FieldDescriptor::CPPTYPE_INT64:
          set(&pb::Reflection::AddInt64, &pb::Reflection::SetInt64,
              static_cast<std::int64_t>(number));
          break;
        case pb::FieldDescriptor::CPPTYPE_UINT32:
          set(&pb::Reflection::AddUInt32, &pb::Reflection::SetUInt32,
              static_cast<std::uint32_t>(number));
          break;
        case pb::FieldDescriptor::CPPTYPE_UINT64:
          set(&pb::Reflection::AddUInt64, &pb::Reflection::SetUInt64, number);
          break;
        case pb::FieldDescriptor::CPPTYPE_DOUBLE: {
          double value;
          std::memcpy(&value, &number, sizeof value);
          set(&pb::Reflection::AddDouble, &pb::Reflection::SetDouble, value);
          break;
        }
        case pb::FieldDescriptor::CPPTYPE_FLOAT: {
          const auto bits = static_cast<std::uint32_t>(number);
          float value;
          std::memcpy(&value, &bits, sizeof value);
          set(&pb::Reflection::AddFloat, &pb::Reflection::SetFloat, value);
          break;
        }
        case pb::FieldDescriptor::CPPTYPE_BOOL:
          set(&pb::Reflection::AddBool, &pb::Reflection::SetBool, number % 2 != 0);
          break;
        case pb::FieldDescriptor::CPPTYPE_ENUM:
          set(&pb::Reflection::AddEnumValue, &pb::Reflection::SetEnumValue,
              static_cast<int>(number));
          break;
        case pb::FieldDescriptor::CPPTYPE_STRING:
          set(&pb::Reflection::AddString, &pb::Reflection::SetString, random_text(random));
          break;
        case pb::FieldDescriptor::CPPTYPE_MESSAGE:
          fill(field->is_repeated() ? *reflection.AddMessage(&message, field)
                                    : *reflection.MutableMessage(&message, field),
               random, levels - 1);
          break;
      }
    }
  }
}

/// Changes bytes a little.
inline std::string mutated(std::string bytes, const std::string& other, Random& random) {
  const std::uint32_t times = 1 + below(random, 3);
  for (std::uint32_t i = 0; i < times; ++i) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const std::uint32_t at = below(random, size + 1);
    switch (below(random, 9)) {
      case 0:
        if (at < size) bytes[at] = static_cast<char>(random());
        break;
      case 1:
        if (at < size) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(random, 8));
        break;
      case 2:
        bytes.erase(at, 1 + below(random, 3));
        break;
      case 3:
        bytes.insert(at, 1, static_cast<char>(random()));
        break;
      case 4:
        bytes.resize(at);
        break;
      case 5:
        bytes += other;
        break;
      case 6:
        bytes.insert(at, bytes.substr(at, below(random, 8)));
        break;
      case 7: {  // a field that is not known, or not of that type
        static const std::string kFields[] = {"\x08\x80\x01",
                                              std::string("\x09"
                                                          "12345678"),
                                              "\x0a\x03"
                                              "abc",
                                              "\x0b\x08\x01\x0c",
                                              "\x0d"
                                              "1234",
                                              "\x0b\x0b\x0c\x0c",
                                              "\x0b",
                                              "\x0c",
                                              "\xf8\xff\xff\xff\x0f\x01",
                                              "\x0a\x83\x80\x80\x80\x00",
                                              "\x0e",
                                              "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                              "\x8a\x80\x80\x80\x10\x01x"};
        std::string field = kFields[below(random, 13)];
        field[0] = static_cast<char>((field[0] & 0x87) | static_cast<int>(below(random, 16) << 3));
        bytes.insert(at, field);
        break;
      }
      default:  // a varint with more bytes than it needs
        if (at < size && static_cast<unsigned char>(bytes[at]) < 0x80) {
          bytes[at] = static_cast<char>(bytes[at] | 0x80);
          bytes.insert(at + 1, 1, '\0');
        }
    }
  }
  return bytes;
}

/// Whether some message comes twice where there is room for one: libprotobuf merges the two, and we
/// refuse them. The bytes are a message.
inline bool has_message_twice(std::string_view bytes, const pb::Descriptor& type) {
  views::Reader in(bytes, 1 << 20);
  std::map<const void*, const pb::FieldDescriptor*> seen;
  while (const std::uint32_t tag = in.next()) {
    const pb::FieldDescriptor* const field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
    if (field == nullptr) {
      in.skip(tag);
      continue;
    }
    const bool is_packed = (tag & 7) == views::kDelimited;
    const bool is_its_type =
        (tag & 7) ==
        static_cast<std::uint32_t>(pb::internal::WireFormat::WireTypeForFieldType(field->type()));
    if (!is_its_type) {
      in.skip(tag);
      continue;
    }
    const pb::OneofDescriptor* const oneof = field->real_containing_oneof();
    if (oneof != nullptr && seen[oneof] != field) {
      seen[oneof] = field;
    } else if (field->message_type() != nullptr && !field->is_repeated()) {
      if (seen[field] == field || oneof != nullptr) return true;
      seen[field] = field;
    }
    if (field->message_type() != nullptr && is_packed) {
      if (has_message_twice(in.bytes(), *field->message_type())) return true;
    } else {
      in.skip(tag);
    }
  }
  return false;
}

/// The encoded message without its unknown fields, the same for the same message.
inline std::string known_part(pb::Message& message) {
  message.DiscardUnknownFields();
  std::string bytes;
  {
    pb::io::StringOutputStream stream(&bytes);
    pb::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

class AgainstLibprotobuf {
 public:
  AgainstLibprotobuf(std::uint32_t seed, std::uint32_t rounds) : random_(seed), rounds_(rounds) {
#if GOOGLE_PROTOBUF_VERSION < 4022000
    pb::SetLogHandler(nullptr);  // it says of each text that it is not UTF-8
#endif
  }

  /// Compares the struct T with libprotobuf's class of a message that is the same on the wire.
  template <typename T, typename Theirs>
  void compare() {
    prototype_ = &Theirs::default_instance();
    type_ = Theirs::descriptor();
    std::string other;
    for (std::uint32_t i = 0; i < rounds_; ++i) {
      const std::unique_ptr<pb::Message> message(prototype_->New());
      fill(*message, random_, static_cast<int>(below(random_, 5)));
      const std::string bytes = message->SerializeAsString();
      compare_bytes<T>(bytes);
      for (int n = 0; n < 8; ++n) compare_bytes<T>(mutated(bytes, other, random_));
      other = bytes;
    }
  }

  /// Prints what was compared. The exit status.
  int report() const {
    std::printf("%zu compared, %zu of them messages, %zu with a message twice, %zu problems\n",
                compared_, accepted_, twice_, problems_);
    return problems_ == 0 && accepted_ > 0 && accepted_ < compared_ ? 0 : 1;
  }

 private:
  template <typename T>
  void compare_bytes(const std::string& bytes) {
    ++compared_;
    const std::unique_ptr<pb::Message> theirs(prototype_->New());
    const bool they_accept = theirs->ParseFromString(bytes);
    // At its own place, so that sanitizers see what reads beyond it.
    const std::unique_ptr<char[]> copy(new char[bytes.size()]);
    if (!bytes.empty()) std::memcpy(copy.get(), bytes.data(), bytes.size());
    T ours;
    const bool we_accept = decode({copy.get(), bytes.size()}, ours);
    if (they_accept != we_accept) {
      if (they_accept && has_message_twice(bytes, *type_)) {
        ++twice_;
        return;
      }
      return complain(type_->full_name(), they_accept ? "only we refuse" : "only we accept", bytes);
    }
    if (!they_accept) return;
    ++accepted_;
    const std::optional<std::string> encoded = encoded_by_us(ours);
    if (!encoded) return complain(type_->full_name(), "we do not encode", bytes);
    const std::unique_ptr<pb::Message> read_by_them(prototype_->New());
    if (!read_by_them->ParseFromString(*encoded)) {
      return complain(type_->full_name(), "they refuse what we encode", bytes);
    }
    if (known_part(*read_by_them) != known_part(*theirs)) {
      return complain(type_->full_name(), "another message", bytes);
    }
    const Owned<T> owned(ours);
    if (encoded_by_us(*owned) != encoded) {
      return complain(type_->full_name(), "a copy is another message", bytes);
    }
  }

  template <typename T>
  static std::optional<std::string> encoded_by_us(const T& message) {
    std::string bytes(encoded_size(message), '\0');
    auto* const begin = reinterpret_cast<std::uint8_t*>(bytes.data());
    if (encode(message, begin) != begin + bytes.size()) return std::nullopt;
    return bytes;
  }

  void complain(const std::string& name, const std::string& what, const std::string& bytes) {
    if (++problems_ > 20) return;
    std::printf("%s: %s:", name.c_str(), what.c_str());
    for (const char byte : bytes) std::printf(" %02x", static_cast<unsigned char>(byte));
    std::printf("\n");
  }

  const pb::Descriptor* type_ = nullptr;
  const pb::Message* prototype_ = nullptr;
  Random random_;
  const std::uint32_t rounds_;
  std::size_t compared_ = 0;
  std::size_t accepted_ = 0;
  std::size_t twice_ = 0;
  std::size_t problems_ = 0;
};

}  // namespace messi::test

#endif  // MESSI_TEST_VIEWS_AGAINST_LIBPROTOBUF_H_
