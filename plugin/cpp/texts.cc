#include "texts.h"

#include <set>
#include <utility>

#include "flat.h"

namespace messi::plugin::cpp {

TextTypes::TextTypes(const Protocol& protocol) {
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) add(member.type);
  }
}

int TextTypes::index(const Message& message) const {
  const auto place = indexes_.find(&message);
  return place == indexes_.end() ? kNoText : place->second;
}

int TextTypes::add(const Message& message) {
  if (!has_text(message)) return kNoText;
  const auto [place, is_new] = indexes_.emplace(&message, static_cast<int>(types_.size()));
  const int added = place->second;
  if (!is_new) return added;
  types_.push_back({message, {}});
  for (const Field& field : message.fields) {
    if (field.message != nullptr) add(*field.message);
  }
  std::vector<TextField>& fields = types_[static_cast<std::size_t>(added)].fields;
  for (const Field* field : fields_by_number(message)) {
    if (field->must_be_utf8) {
      fields.push_back({*field});
    } else if (field->message != nullptr && index(*field->message) != kNoText) {
      fields.push_back({*field, index(*field->message)});
    }
  }
  return added;
}

bool TextTypes::has_text(const Message& message) {
  if (const auto known = has_text_.find(&message); known != has_text_.end()) return known->second;
  // All messages that can be reached, since messages may contain each other in circles.
  std::set<const Message*> reached = {&message};
  std::vector<const Message*> unseen = {&message};
  bool found = false;
  while (!found && !unseen.empty()) {
    const Message& each = *unseen.back();
    unseen.pop_back();
    for (const Field& field : each.fields) {
      found = found || field.must_be_utf8;
      if (field.message != nullptr && reached.insert(field.message).second) {
        unseen.push_back(field.message);
      }
    }
  }
  has_text_[&message] = found;
  return found;
}

}  // namespace messi::plugin::cpp
