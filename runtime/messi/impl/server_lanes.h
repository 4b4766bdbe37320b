#ifndef MESSI_IMPL_SERVER_LANES_H_
#define MESSI_IMPL_SERVER_LANES_H_

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/impl/send_lane.h"
#include "messi/io/event_loop.h"
#include "messi/wire/outbox.h"

namespace messi {

class ServerClient;

/// From other threads to one client of a server.
class ServerClientLanes final : public SendLanes {
 public:
  ServerClientLanes(ServerClient& client, EventLoop& loop, const wire::OutboxSettings& settings,
                    bool takes)
      : SendLanes(loop, settings, takes), client_(client) {}

  void handle_taken() override { taken(); }

 private:
  wire::Outbox* find_outbox() override { return its_outbox(); }
  void handle_held() noexcept override { held(); }

  void taken();
  wire::Outbox* its_outbox();
  void held();

  ServerClient& client_;
};

/// To all clients of a server that have senders.
class ServerLanes {
 public:
  ~ServerLanes() {
    for (const auto& [id, lanes] : of_clients_) lanes->close();
  }

  /// Those of the client with that id. The first time they are made by `make`.
  template <typename Make>
  std::shared_ptr<SendLanes> of(std::uint64_t id, Make&& make) {
    const auto found = of_clients_.find(id);
    if (found != of_clients_.end()) return found->second;
    make_room(held_, held_.size() + of_clients_.size() + 1);
    make_room(going_on_, held_.size() + of_clients_.size() + 1);
    return of_clients_.emplace(id, make()).first->second;
  }
  /// The client is connected from now on; it may have had senders before.
  void begin(std::uint64_t id) {
    const auto found = of_clients_.find(id);
    if (found != of_clients_.end()) found->second->set_takes(true);
  }
  void take_all(std::uint64_t id, wire::Outbox& outbox) {
    const auto found = of_clients_.find(id);
    if (found != of_clients_.end()) found->second->take_all(outbox);
  }
  /// Some of what was sent to clients has been written.
  void go_on() {
    if (held_.empty()) return;
    going_on_.swap(held_);
    const Finally rest([this] {
      held_.insert(held_.end(), going_on_.begin(), going_on_.end());
      going_on_.clear();
    });
    while (!going_on_.empty()) {
      const auto found = of_clients_.find(going_on_.back());
      going_on_.pop_back();
      if (found != of_clients_.end()) found->second->go_on();
    }
  }
  void handle_held(std::uint64_t id) { held_.push_back(id); }
  /// The client goes.
  void close(std::uint64_t id) {
    const auto found = of_clients_.find(id);
    if (found == of_clients_.end()) return;
    found->second->close();
    of_clients_.erase(found);
  }

 private:
  std::map<std::uint64_t, std::shared_ptr<SendLanes>> of_clients_;
  std::vector<std::uint64_t> held_;  // clients for which something waits, each once
  std::vector<std::uint64_t> going_on_;
};

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_LANES_H_
