// The original Messi: its generated C client and server, driven as its examples drive them.
#include <cstddef>
#include <deque>

#include "bench/common/scenario.h"
#include "bench/peers/original_c.h"

namespace bench {
namespace {

original_mode mode_of(Mode mode) {
  switch (mode) {
    case Mode::kSink:
      return original_sink;
    case Mode::kEcho:
      return original_echo;
    case Mode::kBroadcast:
      return original_broadcast;
    case Mode::kStream:
      return original_stream;
  }
  return original_sink;
}

template <class Scenario>
class Connection {
 public:
  Connection(const Options& options, Scenario& scenario) : scenario_(scenario) {
    callbacks_.context = this;
    callbacks_.on_ready = [](void* self, original_connection* c) {
      static_cast<Connection*>(self)->on_ready(c);
    };
    callbacks_.on_message = [](void* self, std::size_t size) {
      static_cast<Connection*>(self)->on_message(size);
    };
    callbacks_.on_response = [](void* self) { static_cast<Connection*>(self)->on_response(); };
    original_connect(options.port, options.size, &callbacks_);
  }

  // The pings still have to go out in time.
  void stream() {
    original_set_blocking(c_, 1);
    scenario_.on_writable(*this);
    original_set_blocking(c_, 0);
    original_turn(0);
  }

  // For the scenario.
  void send() { original_send(c_); }
  void request() {
    original_set_blocking(c_, 0);
    original_request(c_);
  }
  bool writable() const { return true; }

 private:
  void on_ready(original_connection* c) {
    c_ = c;
    if (scenario_.streams()) original_set_blocking(c_, 1);
    scenario_.on_ready(*this);
  }
  void on_message(std::size_t size) { scenario_.on_message(*this, size); }
  void on_response() {
    original_set_blocking(c_, 1);
    scenario_.on_response(*this);
    original_set_blocking(c_, 0);
  }

  Scenario& scenario_;
  original_callbacks callbacks_{};
  original_connection* c_ = nullptr;
};

template <class Scenario>
void run_clients(const Options& options, Scenario& scenario) {
  std::deque<Connection<Scenario>> connections;
  for (int i = 0; i < scenario.connections(); ++i) {
    connections.emplace_back(options, scenario);
    original_turn(0);  // connecting blocks, for seconds when the server's backlog is full; those
                       // who are connected must ping
  }
  while (!scenario.done()) {
    if (scenario.streams()) {
      connections.front().stream();
    } else {
      original_turn(-1);
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  const Options options = parse_options(argc, argv);
  if (options.role == Role::kServer) {
    original_serve(options.port, options.connections + 10, options.size, mode_of(options.mode));
  }
  with_scenario(options, [&](auto& scenario) { run_clients(options, scenario); });
}
