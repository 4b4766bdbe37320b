#ifndef MESSI_TEST_SUPPORT_EITHER_KIND_H_
#define MESSI_TEST_SUPPORT_EITHER_KIND_H_

// Tests and endpoints that are built with both kinds of messages, of one source: libprotobuf's
// classes, and structs with views. This is what differs.

#include <cstdint>
#include <string>
#include <string_view>

namespace messi::test {

/// text_of(message), and with_text<Message>(text). The text must live until the message is sent.
#define MESSI_TEST_FIELD(field)                                                     \
  template <typename Message>                                                       \
  auto field##_of(const Message& message)->decltype(std::string(message.field())) { \
    return message.field();                                                         \
  }                                                                                 \
  template <typename Message>                                                       \
  auto field##_of(const Message& message)->decltype(std::string(message.field)) {   \
    return std::string(message.field);                                              \
  }                                                                                 \
  template <typename Message>                                                       \
  auto set_##field(Message& message, const std::string& value)                      \
      ->decltype(message.set_##field(value)) {                                      \
    return message.set_##field(value);                                              \
  }                                                                                 \
  template <typename Message>                                                       \
  auto set_##field(Message& message, const std::string& value)                      \
      ->decltype(static_cast<void>(message.field = value)) {                        \
    message.field = value;                                                          \
  }                                                                                 \
  template <typename Message>                                                       \
  Message with_##field(const std::string& value) {                                  \
    Message message;                                                                \
    set_##field(message, value);                                                    \
    return message;                                                                 \
  }

MESSI_TEST_FIELD(content)
MESSI_TEST_FIELD(name)
MESSI_TEST_FIELD(text)
MESSI_TEST_FIELD(user)

#undef MESSI_TEST_FIELD

template <typename Message>
auto encoded(const Message& message) -> decltype(message.SerializeAsString()) {
  return message.SerializeAsString();
}
template <typename Message>
auto encoded(const Message& message) -> decltype(std::string(message.original_bytes)) {
  std::string bytes(encoded_size(message), '\0');
  encode(message, reinterpret_cast<std::uint8_t*>(bytes.data()));
  return bytes;
}

/// Decodes into a message that looks at `bytes`, if it looks at anything. False if it is none.
template <typename Message>
auto decode_from(const std::string& bytes, Message& message)
    -> decltype(message.ParseFromString(bytes)) {
  return message.ParseFromString(bytes);
}
template <typename Message>
auto decode_from(const std::string& bytes, Message& message)
    -> decltype(message.original_bytes.empty()) {
  return decode(bytes, message);
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_EITHER_KIND_H_
