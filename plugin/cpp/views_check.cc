#include <string>

#include "../names.h"
#include "views_names.h"
#include "views_parts.h"

namespace messi::plugin::cpp {
namespace {

constexpr const char* kUseLibprotobuf = "use --messi_opt=messages=libprotobuf";

class ViewsCheck {
 public:
  explicit ViewsCheck(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void check(const Message& message) {
    if (message.is_map_entry) return;
    if (message.has_extension_ranges) {
      refuse(message, "message " + in_quotes(message.name()) + " can have extensions",
             "remove \"extensions\"");
    }
    for (const Field& field : message.fields) check(field, message);
    for (const Message& nested : message.messages) check(nested);
  }

 private:
  void check(const Field& field, const Message& message) {
    const std::string what = "field " + in_quotes(field.name) + " of " + message.name() + ' ';
    const Field& value = field.is_map() ? field.message->fields.at(1) : field;
    if (field.type == FieldType::kGroup) {
      refuse(field, what + "is delimited: a group, or features.message_encoding = DELIMITED",
             "make it an ordinary, length-prefixed field");
    }
    if (field.label == Label::kRequired) {
      refuse(field, what + "is required", "make it optional");
    }
    if (field.default_value) {
      refuse(field, what + "has a default value", "remove it");
    }
    if (value.enumeration != nullptr && value.enumeration->is_closed) {
      refuse(field, what + "has the closed enum " + value.enumeration->full_name,
             "make the enum open, as those of proto3 and editions are");
    }
    check_file_of(value.message, field, what);
    check_file_of(value.enumeration, field, what);
  }

  void check_file_of(const Type* type, const Field& field, const std::string& what) {
    if (type == nullptr || !is_protobufs(*type->file) || is_well_known(*type->file)) return;
    refuse(field, what + "has the type " + type->full_name + ", of which there is no struct",
           "give it another type");
  }

  void refuse(const Element& at, const std::string& problem, const std::string& remedy) {
    diagnostics_.error(at.location, problem + ", which messages=views does not support",
                       remedy + ", or " + kUseLibprotobuf);
  }

  Diagnostics& diagnostics_;
};

}  // namespace

void check_views(const File& file, Diagnostics& diagnostics) {
  for (const Message& message : file.messages) ViewsCheck(diagnostics).check(message);
}

}  // namespace messi::plugin::cpp
