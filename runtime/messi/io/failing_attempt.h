#ifndef MESSI_IO_FAILING_ATTEMPT_H_
#define MESSI_IO_FAILING_ATTEMPT_H_

#include <utility>

#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"

namespace messi {

/// An attempt to connect that cannot succeed. It says so later, since there is no callback from
/// within a call.
class FailingAttempt final : public Connecting {
 public:
  FailingAttempt(EventLoop& loop, Status why, ConnectHandler& handler)
      : why_(std::move(why)), handler_(handler), task_(loop, [this] { fail(); }) {
    task_.schedule();
  }

 private:
  void fail() {
    const Status why = why_;  // the handler may destroy this object
    handler_.handle_no_stream(why);
  }

  const Status why_;
  ConnectHandler& handler_;
  Task task_;
};

}  // namespace messi

#endif  // MESSI_IO_FAILING_ATTEMPT_H_
