#ifndef MESSI_CODEC_KIND_H_
#define MESSI_CODEC_KIND_H_

#include <google/protobuf/message_lite.h>

#include "messi/codec/fields.h"
#include "messi/codec/texts.h"

namespace messi::codec {

/// False also if it cannot be known, as for messages of the lite runtime.
template <typename Message>
auto has_only_known_fields(const Message& message, int /*preferred*/)
    -> decltype(message.GetReflection(), true) {
  static const auto* const reflection = message.GetReflection();
  return reflection->GetUnknownFields(message).empty();
}
inline bool has_only_known_fields(const google::protobuf::MessageLite& /*message*/,
                                  long /*otherwise*/) {
  return false;
}

// What generated code knows about a message type, beyond libprotobuf.

/// For flat messages, see fields.h.
using Put = void (*)(const google::protobuf::MessageLite& from, Fields& out);
using Take = void (*)(FieldReader& in, google::protobuf::MessageLite& to);

/// How to send it. (To receive it, only a Take is needed. They are separate, so that what is not
/// used costs nothing.)
struct Kind {
  constexpr explicit Kind(Put put_fields = nullptr, const TextTable& (*text_table)() = nullptr,
                          int index_of_type = -1)
      : put(put_fields), texts(text_table), text_type(index_of_type) {}

  Put put;  ///< Null unless flat.
  /// For messages with text: the table of text fields, and the type of this message in it.
  const TextTable& (*texts)();
  int text_type;
};

/// Neither flat nor with text.
inline constexpr Kind kOther{};

}  // namespace messi::codec

#endif  // MESSI_CODEC_KIND_H_
