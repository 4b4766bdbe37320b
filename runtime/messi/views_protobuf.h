#ifndef MESSI_VIEWS_PROTOBUF_H_
#define MESSI_VIEWS_PROTOBUF_H_

// From messages as structs to libprotobuf's classes and back, and so to JSON and back, for programs
// that have both. The class is of the same proto, in another package; doc/messages.md has a
// program.
//
// What is converted are the fields that the struct has: unknown ones are left out. An error is
// kInvalidArgument. All may be called from any thread.

#include <google/protobuf/message.h>
#include <google/protobuf/message_lite.h>
#include <google/protobuf/util/json_util.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/impl/to_user.h"
#include "messi/user_status.h"
#include "messi/views/message.h"

namespace messi {

/// What a conversion gives, `*converted`, or why it cannot: `converted.status()`.
template <typename Value>
using Converted = Result<Value, UserStatus>;

namespace views {

inline UserStatus not_converted(const google::protobuf::MessageLite& theirs,
                                const std::string& why) {
  return to_user(
      Status(StatusCode::kInvalidArgument, std::string(theirs.GetTypeName()) + ": " + why));
}

// Libprotobuf counts bytes in an int.
inline bool fits_libprotobuf(std::size_t size) {
  return size <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace views

/// The message as libprotobuf's class `Theirs`, which owns all that it has. Fails if a text of the
/// message is not UTF-8, or if `Theirs` is of another proto that its bytes do not fit.
template <typename Theirs, typename T>
inline Converted<Theirs> to_protobuf(const T& message) {
  Theirs theirs;
  const std::size_t size = encoded_size(message);
  if (!views::fits_libprotobuf(size)) {
    return views::not_converted(theirs, "the message has 2 GiB or more");
  }
  std::string bytes(size, '\0');
  if (encode(message, reinterpret_cast<std::uint8_t*>(bytes.data())) == nullptr) {
    return views::not_converted(theirs, "a text is not UTF-8");
  }
  if (!theirs.ParseFromString(bytes)) {
    return views::not_converted(theirs, "the bytes of the struct are not such a message");
  }
  return theirs;
}

/// The message of libprotobuf's as the struct `T`, with all that it has views of. Fails if a text
/// of `theirs` is not UTF-8, if messages in it are nested more than 100 levels deep, or if `T` is
/// of another proto that its bytes do not fit.
template <typename T>
inline Converted<Owned<T>> from_protobuf(const google::protobuf::MessageLite& theirs) {
  if (!views::fits_libprotobuf(theirs.ByteSizeLong())) {
    return views::not_converted(theirs, "the message has 2 GiB or more");
  }
  const std::string bytes = theirs.SerializePartialAsString();
  T message;
  if (!decode(bytes, message)) {
    return views::not_converted(theirs,
                                "it has text that is not UTF-8, is nested more than 100 levels "
                                "deep, or is not the message of the struct");
  }
  return Owned<T>(message);
}

/// The message as protobuf's JSON. `Theirs` is libprotobuf's class, with its descriptor (not "lite"
/// runtime), and `options` are those of its `MessageToJsonString`. Fails if `to_protobuf` does, and
/// if an Any or a well-known type has what is not allowed in JSON.
template <typename Theirs, typename T>
inline Converted<std::string> to_json(
    const T& message, const google::protobuf::util::JsonPrintOptions& options = {}) {
  const Converted<Theirs> theirs = to_protobuf<Theirs>(message);
  if (!theirs) return theirs.status();
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(*theirs, &json, options);
  if (!status.ok()) return views::not_converted(*theirs, status.ToString());
  return json;
}

/// The message that is protobuf's JSON of `Theirs`, as the struct `T`. `options` are those of
/// `JsonStringToMessage`. Fails if that does, with its words, and if `from_protobuf` does.
template <typename T, typename Theirs>
inline Converted<Owned<T>> from_json(std::string_view json,
                                     const google::protobuf::util::JsonParseOptions& options = {}) {
  Theirs theirs;
  const auto status =
      google::protobuf::util::JsonStringToMessage({json.data(), json.size()}, &theirs, options);
  if (!status.ok()) return views::not_converted(theirs, status.ToString());
  return from_protobuf<T>(theirs);
}

}  // namespace messi

#endif  // MESSI_VIEWS_PROTOBUF_H_
