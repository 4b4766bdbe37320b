#include "fingerprint.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <map>

namespace messi::plugin {
namespace {

std::string_view occurrence(Label label) {
  switch (label) {
    case Label::kRepeated:
      return " repeated ";
    case Label::kRequired:
      return " required ";
    default:
      return " single ";
  }
}

/// `items` as pointers, sorted by `number(item)`.
template <typename Item, typename Number>
std::vector<const Item*> sorted(const std::vector<Item>& items, const Number& number) {
  std::vector<const Item*> pointers;
  pointers.reserve(items.size());
  for (const Item& item : items) pointers.push_back(&item);
  std::sort(pointers.begin(), pointers.end(),
            [&](const Item* a, const Item* b) { return number(*a) < number(*b); });
  return pointers;
}

std::string hexadecimal(std::uint64_t number, int digits) {
  char text[16 + 1];
  std::snprintf(text, sizeof(text), "%0*" PRIx64, digits, number);
  return text;
}

void add_lines(const Direction& direction, const std::string& name,
               std::vector<std::string>& lines) {
  const Fingerprint print = fingerprint(direction);
  lines.push_back(name + ' ' + hexadecimal(print.high, 16) + ' ' + hexadecimal(print.low, 16) +
                  ' ' + std::to_string(direction.members.size()) + '\n');
  for (const Member* member : members_by_number(direction)) {
    lines.push_back(std::to_string(member->field.number) + ' ' + hexadecimal(digest(*member), 8) +
                    ' ' + member->field.name + '\n');
  }
}

}  // namespace

Fingerprint fnv_128(std::string_view text) {
  // The prime is 2^88 + 0x13b.
  constexpr std::uint64_t kLowPrime = 0x13b;
  Fingerprint hash = {0x6c62272e07bb0142, 0x62b821756295c58d};
  for (const char c : text) {
    hash.low ^= static_cast<unsigned char>(c);
    const std::uint64_t lower = (hash.low & 0xffffffff) * kLowPrime;
    const std::uint64_t upper = (hash.low >> 32) * kLowPrime + (lower >> 32);
    hash.high = hash.high * kLowPrime + (hash.low << 24) + (upper >> 32);
    hash.low = upper << 32 | (lower & 0xffffffff);
  }
  return hash;
}

std::uint32_t fnv_32(std::string_view text) {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

std::string wire_text(const Message& message) {
  std::map<const Message*, std::size_t> indexes = {{&message, 0}};
  std::vector<const Message*> met = {&message};
  std::string text;
  for (std::size_t i = 0; i < met.size(); ++i) {
    text += "message " + std::to_string(i) + '\n';
    for (const Field* field :
         sorted(met[i]->fields, [](const Field& each) { return each.number; })) {
      text += std::to_string(field->number);
      text += occurrence(field->label);
      text += name_of(field->type);
      if (field->message != nullptr) {
        const auto [place, is_new] = indexes.emplace(field->message, met.size());
        if (is_new) met.push_back(field->message);
        text += ' ' + std::to_string(place->second);
      }
      text += '\n';
    }
  }
  return text;
}

Fingerprint fingerprint(const Direction& direction) {
  return fnv_128(wire_text(direction.message));
}

std::uint32_t digest(const Member& member) { return fnv_32(wire_text(member.type)); }

std::vector<const Member*> members_by_number(const Direction& direction) {
  return sorted(direction.members, [](const Member& each) { return each.field.number; });
}

std::vector<std::string> schema_lines(const Protocol& protocol) {
  std::vector<std::string> lines;
  add_lines(protocol.client_to_server, "client_to_server", lines);
  add_lines(protocol.server_to_client, "server_to_client", lines);
  lines.push_back(name_on_wire(protocol));
  return lines;
}

std::string name_on_wire(const Protocol& protocol) {
  return protocol.file.package.empty() ? protocol.name : protocol.file.package;
}

}  // namespace messi::plugin
