#ifndef MESSI_IMPL_CLIENT_LANES_H_
#define MESSI_IMPL_CLIENT_LANES_H_

#include "messi/impl/send_lane.h"
#include "messi/io/event_loop.h"
#include "messi/wire/outbox.h"

namespace messi {

class ClientBase;

/// From other threads to a client's server.
class ClientLanes final : public SendLanes {
 public:
  ClientLanes(ClientBase& client, EventLoop& loop, const wire::OutboxSettings& settings, bool takes)
      : SendLanes(loop, settings, takes), client_(client) {}

  void handle_taken() override { taken(); }

 private:
  wire::Outbox* find_outbox() override { return its_outbox(); }

  void taken();
  wire::Outbox* its_outbox();

  ClientBase& client_;
};

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_LANES_H_
