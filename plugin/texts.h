#ifndef MESSI_PLUGIN_TEXTS_H_
#define MESSI_PLUGIN_TEXTS_H_

#include <google/protobuf/descriptor.h>

#include <map>
#include <string>
#include <vector>

namespace messi::plugin {

/// A field that is text, or a message in which there is some.
struct TextField {
  std::string name;
  int number = 0;
  int type = kText;  ///< Of the message: an index of TextTypes.

  static constexpr int kText = -1;
};

/// A message in which there is text.
struct TextType {
  std::string full_name;
  std::vector<TextField> fields;  ///< By number.
};

/// Finds the text that must be UTF-8, however deep it is in messages.
class TextTypes {
 public:
  static constexpr int kNoText = -1;

  /// The index of `message`; kNoText if there is none in it.
  int index(const google::protobuf::Descriptor& message);

  /// All that `index` was asked for, and what is in those.
  const std::vector<TextType>& all() const { return types_; }

 private:
  using Descriptor = google::protobuf::Descriptor;

  bool has_text(const Descriptor& message);

  std::map<const Descriptor*, bool> has_text_;
  std::map<const Descriptor*, int> indexes_;
  std::vector<TextType> types_;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_TEXTS_H_
