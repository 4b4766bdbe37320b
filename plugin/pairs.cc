#include "pairs.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "names.h"
#include "schema.h"

namespace messi::plugin {
namespace {

constexpr std::string_view kOption = "(messi.reply)";
constexpr std::string_view kRequest = "_req";
constexpr std::string_view kReply = "_rsp";

Member* find(Direction& direction, std::string_view name) {
  const auto member = std::find_if(direction.members.begin(), direction.members.end(),
                                   [name](const Member& each) { return each.field.name == name; });
  return member == direction.members.end() ? nullptr : &*member;
}

/// `book_req` -> `book_rsp`; empty if the name is not that of a request.
std::string usual_reply(std::string_view name) {
  if (name.size() < kRequest.size()) return {};
  const std::string_view stem = name.substr(0, name.size() - kRequest.size());
  if (name.substr(stem.size()) != kRequest) return {};
  return std::string(stem).append(kReply);
}

/// Finds the replies of one direction's requests.
class PairFinder {
 public:
  PairFinder(Direction& requests, Direction& replies, Diagnostics& diagnostics)
      : requests_(requests), replies_(replies), diagnostics_(diagnostics) {}

  void find_all() {
    for (Member& request : requests_.members) {
      const bool is_said = request.field.reply.has_value();
      const std::string name = is_said ? *request.field.reply : usual_reply(request.field.name);
      if (name.empty()) continue;
      Member* const reply = find(replies_, name);
      if (reply != nullptr) {
        pair(request, *reply);
      } else if (is_said) {
        refuse(request, name);
      }
    }
  }

 private:
  void pair(Member& request, Member& reply) {
    if (reply.request != nullptr) {
      error(request,
            in_quotes(reply.field.name) + " is the reply of " +
                in_quotes(reply.request->field.name) + " already",
            "give each request its own reply, or write [" + std::string(kOption) +
                " = \"\"] behind the one that has none");
      return;
    }
    request.reply = &reply;
    reply.request = &request;
  }

  void refuse(const Member& request, const std::string& name) {
    if (find(requests_, name) != nullptr) {
      error(request,
            "the reply " + in_quotes(name) + " is a member of " + requests_.message.name() + " too",
            "name a member of " + replies_.message.name() + ", since an answer goes the other way");
    } else {
      error(request, "the reply " + in_quotes(name) + " is no member of " + replies_.message.name(),
            "name one, or write \"\" if the request has no reply");
    }
  }

  void error(const Member& request, const std::string& problem, const std::string& remedy) {
    diagnostics_.error(request.field.location,
                       "member " + in_quotes(request.field.name) + " of " +
                           requests_.message.name() + ": " + problem,
                       remedy);
  }

  Direction& requests_;
  Direction& replies_;
  Diagnostics& diagnostics_;
};

void refuse_chains(const Direction& direction, Diagnostics& diagnostics) {
  for (const Member& member : direction.members) {
    if (!member.is_request() || !member.is_reply()) continue;
    diagnostics.error(member.field.location,
                      "member " + in_quotes(member.field.name) + " of " + direction.message.name() +
                          " is the reply of " + in_quotes(member.request->field.name) +
                          ", and a request with the reply " + in_quotes(member.reply->field.name),
                      "a message is one or the other: make two messages");
  }
}

void refuse_elsewhere(const Message& message, const Protocol& protocol, Diagnostics& diagnostics) {
  const bool is_direction = &message == &protocol.client_to_server.message ||
                            &message == &protocol.server_to_client.message;
  for (const Field& field : message.fields) {
    if (is_direction || !field.reply) continue;
    diagnostics.error(field.location,
                      "field " + in_quotes(field.name) + " of " + message.name() +
                          " has the option " + std::string(kOption) +
                          ", but is no message to a peer",
                      "write it behind a member of ClientToServer or ServerToClient");
  }
  for (const Message& nested : message.messages) refuse_elsewhere(nested, protocol, diagnostics);
}

}  // namespace

void find_pairs(Protocol& protocol, Diagnostics& diagnostics) {
  Direction& up = protocol.client_to_server;
  Direction& down = protocol.server_to_client;
  PairFinder(up, down, diagnostics).find_all();
  PairFinder(down, up, diagnostics).find_all();
  refuse_chains(up, diagnostics);
  refuse_chains(down, diagnostics);
  for (const Message& message : protocol.file.messages) {
    refuse_elsewhere(message, protocol, diagnostics);
  }
}

}  // namespace messi::plugin
