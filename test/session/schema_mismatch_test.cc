#include "messi/session/schema_mismatch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"

using messi::SchemaMismatch;
using messi::session::find_mismatch;
using messi::session::Peer;
using messi::session::PeerSchema;
using messi::session::Schema;
using messi::session::SchemaDirection;
using messi::session::SchemaMember;
using Numbers = std::vector<std::uint32_t>;

namespace {

const Schema kOurs(
    "client_to_server 1 2 3\n"
    "1 0000000b login\n"
    "2 0000000c say\n"
    "4 0000000e leave\n"
    "server_to_client 3 4 2\n"
    "1 00000015 welcome\n"
    "3 00000017 said\n"
    "chat");

/// A peer with our schema.
PeerSchema same() { return {"chat", kOurs.client_to_server, kOurs.server_to_client, true}; }

/// The direction of a peer that has these members.
SchemaDirection other(std::vector<SchemaMember> members) { return {{9, 9}, std::move(members)}; }

std::string text(const PeerSchema& theirs, Peer peer) {
  const std::optional<SchemaMismatch> mismatch = find_mismatch(kOurs, theirs, peer);
  return mismatch ? mismatch->text() : "none";
}

}  // namespace

TEST_CASE("schemas that are the same on the wire do not differ", "[session]") {
  CHECK(text(same(), Peer::kServer) == "none");
  CHECK(text(same(), Peer::kClient) == "none");
}

TEST_CASE("a peer that says nothing of its schema is no mismatch", "[session]") {
  PeerSchema theirs = same();
  theirs.protocol.reset();
  theirs.client_to_server = other({});
  CHECK(text(theirs, Peer::kServer) == "none");
}

TEST_CASE("a peer of another protocol is told by its name", "[session]") {
  PeerSchema theirs = same();
  theirs.protocol = "other";
  CHECK(text(theirs, Peer::kServer) == R"(server speaks "other", not "chat")");
  theirs.client_to_server = other({});
  CHECK(text(theirs, Peer::kClient) == R"(client speaks "other", not "chat")");
  theirs.protocol = "\x1b[2J\xff";
  CHECK(text(theirs, Peer::kClient) == R"(client speaks "?[2J?", not "chat")");
  theirs.protocol = "";
  CHECK(text(theirs, Peer::kClient) == R"(client speaks "", not "chat")");
}

TEST_CASE("a long name is compared as far as it was told", "[session]") {
  const std::string name(300, 'n');
  Schema ours = kOurs;
  ours.protocol = name;
  PeerSchema theirs = same();
  theirs.protocol = name.substr(0, 255);
  CHECK_FALSE(find_mismatch(ours, theirs, Peer::kServer));
  theirs.protocol = name;
  CHECK(find_mismatch(ours, theirs, Peer::kServer));
}

TEST_CASE("members that only one side has are told, by number and name", "[session]") {
  PeerSchema theirs = same();
  theirs.client_to_server = other({{1, 11, ""}, {2, 12, ""}, {7, 0, ""}, {9, 0, ""}});

  const std::optional<SchemaMismatch> at_server = find_mismatch(kOurs, theirs, Peer::kClient);
  REQUIRE(at_server);
  CHECK(at_server->protocol == "chat");
  CHECK(at_server->peer_protocol == "chat");
  CHECK_FALSE(at_server->sent.differs);
  CHECK(at_server->received.differs);
  CHECK(at_server->received.unknown_here == Numbers{7, 9});
  CHECK(at_server->received.unknown_there == Numbers{4});
  CHECK(at_server->received.changed.empty());
  CHECK(at_server->text() ==
        "client has another chat: sends 7 and 9, unknown here; does not send 4 (leave)");

  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: does not know 4 (leave); knows 7 and 9, unknown here");

  theirs = same();
  theirs.server_to_client = other({{2, 0, ""}, {3, 23, ""}});
  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: sends 2, unknown here; does not send 1 (welcome)");
  CHECK(text(theirs, Peer::kClient) ==
        "client has another chat: does not know 1 (welcome); knows 2, unknown here");
}

TEST_CASE("a member of another type is told first", "[session]") {
  PeerSchema theirs = same();
  theirs.client_to_server = other({{1, 11, ""}, {2, 0, ""}, {4, 0, ""}, {5, 0, ""}});
  theirs.server_to_client = other({{1, 0, ""}, {3, 23, ""}});
  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: has other types for 2 (say) and 4 (leave); "
        "sends other types for 1 (welcome); knows 5, unknown here");
  CHECK(text(theirs, Peer::kClient) ==
        "client has another chat: has other types for 1 (welcome); "
        "sends other types for 2 (say) and 4 (leave); sends 5, unknown here");
  const auto mismatch = find_mismatch(kOurs, theirs, Peer::kClient);
  REQUIRE(mismatch);
  CHECK(mismatch->received.changed == Numbers{2, 4});
  CHECK(mismatch->sent.changed == Numbers{1});
}

TEST_CASE("of many members some are told", "[session]") {
  PeerSchema theirs = same();
  for (std::uint32_t i = 11; i < 20; ++i) theirs.server_to_client.members.push_back({i, 0, ""});
  theirs.server_to_client.fingerprint = {9, 9};
  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: sends 11, 12, 13, 14, 15, 16, 17, 18 and 19, unknown here");
  theirs.server_to_client.members.push_back({536870911, 0, ""});
  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: sends 11, 12, 13, 14, 15, 16, 17, 18 and 2 more, unknown here");
}

TEST_CASE("without the members it is told which side's messages differ", "[session]") {
  PeerSchema theirs = same();
  theirs.tells_members = false;
  theirs.client_to_server = other({});
  CHECK(text(theirs, Peer::kServer) == "server has another chat: what servers get differs");
  CHECK(text(theirs, Peer::kClient) == "client has another chat: what clients send differs");
  theirs.server_to_client = other({});
  CHECK(text(theirs, Peer::kServer) ==
        "server has another chat: what servers send and get differs");
  CHECK(text(theirs, Peer::kClient) ==
        "client has another chat: what clients send and get differs");
  theirs.client_to_server = kOurs.client_to_server;
  CHECK(text(theirs, Peer::kServer) == "server has another chat: what servers send differs");
  const auto mismatch = find_mismatch(kOurs, theirs, Peer::kServer);
  REQUIRE(mismatch);
  CHECK(mismatch->received.differs);
  CHECK(mismatch->received.unknown_there.empty());
}

TEST_CASE("a peer whose members are ours, but not its fingerprint, is told as different",
          "[session]") {
  PeerSchema theirs = same();
  theirs.server_to_client.fingerprint = {3, 5};
  CHECK(text(theirs, Peer::kServer) == "server has another chat: what servers send differs");
}
