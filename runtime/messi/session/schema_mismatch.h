#ifndef MESSI_SESSION_SCHEMA_MISMATCH_H_
#define MESSI_SESSION_SCHEMA_MISMATCH_H_

// Two peers with schemas that are not the same on the wire: what is different, and how to say it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/harmless.h"
#include "messi/session/schema.h"
#include "messi/session/schema_tlvs.h"

namespace messi {

/// How the schema of a peer differs from the one here. That need not be wrong: a schema may grow,
/// and then one side has members that the other does not know.
struct SchemaMismatch {
  /// What differs in what one side sends. The lists have the numbers of members; they are empty if
  /// the peer has not told its members, as with hundreds of them.
  struct Direction {
    bool differs = false;
    std::vector<std::uint32_t> unknown_here;   ///< Only the peer has them.
    std::vector<std::uint32_t> unknown_there;  ///< Only this side has them.
    std::vector<std::uint32_t> changed;        ///< Both have them, with other types.
  };

  std::string protocol;       ///< The name of the protocol here.
  std::string peer_protocol;  ///< That of the peer's. If they differ, the rest says little.
  Direction sent;             ///< By this side.
  Direction received;

  /// A sentence, such as "server has another chat: sends 7 and 9, unknown here". It says what is
  /// worst first.
  std::string text() const;

  const session::Schema* schema;  ///< The one here, for the names of members.
  bool peer_is_server;
};

namespace session {

enum class Peer { kClient, kServer };

/// Nothing if the schemas are the same on the wire, or the peer has said nothing of its own.
std::optional<SchemaMismatch> find_mismatch(const Schema& ours, const PeerSchema& theirs,
                                            Peer peer);

// ---------------------------------------------------------------------------------------------

inline SchemaMismatch::Direction compare(const SchemaDirection& ours, const SchemaDirection& theirs,
                                         bool tells_members) {
  SchemaMismatch::Direction found;
  found.differs = ours.fingerprint != theirs.fingerprint;
  if (!found.differs || !tells_members) return found;
  auto our = ours.members.begin();
  auto their = theirs.members.begin();
  while (our != ours.members.end() || their != theirs.members.end()) {
    if (their == theirs.members.end() ||
        (our != ours.members.end() && our->number < their->number)) {
      found.unknown_there.push_back((our++)->number);
    } else if (our == ours.members.end() || their->number < our->number) {
      found.unknown_here.push_back((their++)->number);
    } else {
      if (our->digest != their->digest) found.changed.push_back(our->number);
      ++our;
      ++their;
    }
  }
  return found;
}

inline std::optional<SchemaMismatch> find_mismatch(const Schema& ours, const PeerSchema& theirs,
                                                   Peer peer) {
  if (!theirs.protocol) return std::nullopt;
  const auto up = compare(ours.client_to_server, theirs.client_to_server, theirs.tells_members);
  const auto down = compare(ours.server_to_client, theirs.server_to_client, theirs.tells_members);
  const std::string_view protocol = name_on_wire(ours);
  if (*theirs.protocol == protocol && !up.differs && !down.differs) return std::nullopt;
  const bool peer_is_server = peer == Peer::kServer;
  return SchemaMismatch{harmless(protocol),
                        harmless(*theirs.protocol),
                        peer_is_server ? up : down,
                        peer_is_server ? down : up,
                        &ours,
                        peer_is_server};
}

/// The words of SchemaMismatch::text.
class MismatchText {
 public:
  explicit MismatchText(std::string beginning) : text_(std::move(beginning)) {}

  /// `before`, the members, `behind`; nothing if there are no members.
  void add(std::string_view before, const std::vector<std::uint32_t>& numbers,
           const SchemaDirection& direction, std::string_view behind = {}) {
    if (numbers.empty()) return;
    begin_part();
    text_ += before;
    constexpr std::size_t kMost = 8;
    const std::size_t named = numbers.size() > kMost + 1 ? kMost : numbers.size();
    for (std::size_t i = 0; i < named; ++i) {
      if (i > 0) text_ += i + 1 < numbers.size() ? ", " : " and ";
      text_ += member(numbers[i], direction);
    }
    if (named < numbers.size()) text_ += " and " + std::to_string(numbers.size() - named) + " more";
    text_ += behind;
  }

  bool is_empty() const { return parts_ == 0; }
  void add(std::string_view words) {
    begin_part();
    text_ += words;
  }

  const std::string& str() const { return text_; }

 private:
  void begin_part() { text_ += parts_++ == 0 ? ": " : "; "; }

  /// `2 (message_ind)`, or only the number of one that is unknown here.
  static std::string member(std::uint32_t number, const SchemaDirection& direction) {
    const std::vector<SchemaMember>& members = direction.members;
    const auto known =
        std::find_if(members.begin(), members.end(),
                     [number](const SchemaMember& each) { return each.number == number; });
    const std::string text = std::to_string(number);
    return known == members.end() ? text : text + " (" + std::string(known->name) + ')';
  }

  std::string text_;
  int parts_ = 0;
};

}  // namespace session

inline std::string SchemaMismatch::text() const {
  const std::string peer = peer_is_server ? "server" : "client";
  if (protocol != peer_protocol) {
    return peer + " speaks \"" + peer_protocol + "\", not \"" + protocol + '"';
  }
  const auto& to_peer = peer_is_server ? schema->client_to_server : schema->server_to_client;
  const auto& from_peer = peer_is_server ? schema->server_to_client : schema->client_to_server;
  session::MismatchText words(peer + " has another " + protocol);
  words.add("has other types for ", sent.changed, to_peer);
  words.add("sends other types for ", received.changed, from_peer);
  words.add("does not know ", sent.unknown_there, to_peer);
  words.add("sends ", received.unknown_here, from_peer, ", unknown here");
  words.add("does not send ", received.unknown_there, from_peer);
  words.add("knows ", sent.unknown_here, to_peer, ", unknown here");
  if (!words.is_empty()) return words.str();
  words.add(!received.differs ? "what " + peer + "s get differs"
            : !sent.differs   ? "what " + peer + "s send differs"
                              : "what " + peer + "s send and get differs");
  return words.str();
}

}  // namespace messi

#endif  // MESSI_SESSION_SCHEMA_MISMATCH_H_
