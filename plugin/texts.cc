#include "texts.h"

#include <algorithm>
#include <set>

#include "editions.h"
#include "names.h"

namespace messi::plugin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

}  // namespace

int TextTypes::index(const Descriptor& message) {
  if (!has_text(message)) return kNoText;
  const auto [place, is_new] = indexes_.emplace(&message, static_cast<int>(types_.size()));
  if (!is_new) return place->second;
  const int index = place->second;
  types_.push_back({to_string(message.full_name()), {}});
  std::vector<TextField> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (must_be_utf8(field)) {
      fields.push_back({to_string(field.name()), field.number()});
    } else if (field.message_type() != nullptr && has_text(*field.message_type())) {
      fields.push_back(
          {to_string(field.name()), field.number(), this->index(*field.message_type())});
    }
  }
  std::sort(fields.begin(), fields.end(),
            [](const TextField& a, const TextField& b) { return a.number < b.number; });
  types_[static_cast<std::size_t>(index)].fields = std::move(fields);
  return index;
}

bool TextTypes::has_text(const Descriptor& message) {
  if (const auto known = has_text_.find(&message); known != has_text_.end()) return known->second;
  // Whatever can be reached, since messages may hold each other in circles.
  std::set<const Descriptor*> reached = {&message};
  std::vector<const Descriptor*> unseen = {&message};
  bool found = false;
  while (!found && !unseen.empty()) {
    const Descriptor& each = *unseen.back();
    unseen.pop_back();
    for (int i = 0; i < each.field_count(); ++i) {
      const FieldDescriptor& field = *each.field(i);
      found = found || must_be_utf8(field);
      const Descriptor* const inner = field.message_type();
      if (inner != nullptr && reached.insert(inner).second) unseen.push_back(inner);
    }
  }
  has_text_[&message] = found;
  return found;
}

}  // namespace messi::plugin
