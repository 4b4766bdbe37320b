#ifndef MESSI_PLUGIN_CPP_TEXTS_H_
#define MESSI_PLUGIN_CPP_TEXTS_H_

#include <map>
#include <vector>

#include "../protocol.h"

namespace messi::plugin::cpp {

/// A field that is text, or a message with text inside.
struct TextField {
  const Field& field;
  int type = kText;  ///< The type of the message: an index into TextTypes.

  static constexpr int kText = -1;
};

/// A message with text inside.
struct TextType {
  const Message& message;
  std::vector<TextField> fields;  ///< By number.
};

/// The fields with text that must be UTF-8, at any depth in the members of a protocol.
class TextTypes {
 public:
  explicit TextTypes(const Protocol& protocol);

  static constexpr int kNoText = -1;

  /// The index of a member's type; kNoText if it has no text inside.
  int index(const Message& message) const;

  const std::vector<TextType>& all() const { return types_; }

 private:
  int add(const Message& message);
  bool has_text(const Message& message);

  std::map<const Message*, bool> has_text_;
  std::map<const Message*, int> indexes_;
  std::vector<TextType> types_;
};

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_TEXTS_H_
