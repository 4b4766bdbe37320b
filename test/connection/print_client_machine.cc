// Prints a client's table: `table`, all that it says of each state and event, which is compared
// with a golden file, and the Python runtime's with that; or `diagram`, for ARCHITECTURE.md.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "messi/connection/client_machine.h"

namespace {

using messi::connection::can_happen;
using messi::connection::ClientAction;
using messi::connection::ClientActions;
using messi::connection::ClientEvent;
using messi::connection::ClientState;
using messi::connection::ClientStep;
using messi::connection::find_step;

constexpr const char* kStates[] = {"stopped",     "waiting",   "connecting", "asking",
                                   "introducing", "connected", "ending",     "restarting"};
constexpr const char* kEvents[] = {"start",  "stop",    "stop now", "timer",
                                   "stream", "opened",  "welcomed", "no stream",
                                   "retry",  "give up", "ended",    "lost"};
constexpr const char* kActions[] = {"nothing",   "begin", "wait", "connect", "drop",
                                    "introduce", "serve", "tend", "end",     "linger",
                                    "abort",     "ask",   "tell"};

std::string to_string(const ClientActions& actions) {
  std::string result;
  for (const ClientAction action : actions) {
    if (action == ClientAction::kNothing) continue;
    if (!result.empty()) result += ", ";
    result += kActions[static_cast<std::size_t>(action)];
  }
  return result;
}

std::string describe(ClientState state, ClientEvent event) {
  const ClientStep* const step = find_step(state, event);
  if (step == nullptr) return "cannot happen";
  if (step->next == state && step->actions == ClientActions{}) return "ignored";
  const std::string next = kStates[static_cast<std::size_t>(step->next)];
  return step->actions == ClientActions{} ? next : next + ": " + to_string(step->actions);
}

void print_table() {
  for (std::size_t state = 0; state < std::size(kStates); ++state) {
    for (std::size_t event = 0; event < std::size(kEvents); ++event) {
      const std::string outcome =
          describe(static_cast<ClientState>(state), static_cast<ClientEvent>(event));
      std::printf("%s, %s -> %s\n", kStates[state], kEvents[event], outcome.c_str());
    }
  }
}

struct Arrow {
  const ClientStep& step;
  std::string events;
};

// What leads from one state to another, and does the same on the way, is one arrow.
std::vector<Arrow> arrows() {
  std::vector<Arrow> result;
  for (const ClientStep& step : messi::connection::client_table::kSteps) {
    if (step.next == step.state && step.actions == ClientActions{}) continue;
    const std::string event = kEvents[static_cast<std::size_t>(step.event)];
    const auto same = std::find_if(result.begin(), result.end(), [&](const Arrow& arrow) {
      return arrow.step.state == step.state && arrow.step.next == step.next &&
             arrow.step.actions == step.actions;
    });
    if (same == result.end()) {
      result.push_back({step, event});
    } else {
      same->events += ", " + event;
    }
  }
  return result;
}

void print_diagram() {
  std::printf("stateDiagram-v2\n    [*] --> stopped\n");
  for (const Arrow& arrow : arrows()) {
    const std::string actions = to_string(arrow.step.actions);
    std::printf("    %s --> %s: %s%s\n", kStates[static_cast<std::size_t>(arrow.step.state)],
                kStates[static_cast<std::size_t>(arrow.step.next)], arrow.events.c_str(),
                actions.empty() ? "" : (" / " + actions).c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "table") {
    print_table();
  } else if (what == "diagram") {
    print_diagram();
  } else {
    std::fprintf(stderr, "usage: print_client_machine table|diagram\n");
    return 2;
  }
  return 0;
}
