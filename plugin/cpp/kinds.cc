#include "kinds.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "flat.h"

namespace messi::plugin::cpp {
namespace {

/// Without the package if that is the protocol's.
std::string flattened_name(const Message& type, const Protocol& protocol) {
  const std::string& package = protocol.file.package;
  std::string name = type.full_name;
  if (!package.empty() && type.file->package == package) name.erase(0, package.size() + 1);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

}  // namespace

Kinds::Kinds(const Protocol& protocol, const TextTypes& texts) {
  std::map<std::string_view, const Message*> types;
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      if (is_flat(member.type) || texts.index(member.type) != TextTypes::kNoText) {
        types.emplace(member.type.full_name, &member.type);
      }
    }
  }
  std::set<std::string> names;
  for (const auto& [full_name, type] : types) {
    std::string name = flattened_name(*type, protocol);
    while (!names.insert(name).second) name += "_again";
    indexes_.emplace(type, kinds_.size());
    kinds_.push_back({*type, name});
  }
}

const Kind* Kinds::find(const Message& type) const {
  const auto place = indexes_.find(&type);
  return place == indexes_.end() ? nullptr : &kinds_[place->second];
}

}  // namespace messi::plugin::cpp
