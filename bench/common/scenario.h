#ifndef MESSI_BENCH_COMMON_SCENARIO_H_
#define MESSI_BENCH_COMMON_SCENARIO_H_

// What the clients do, the same for every peer.
//
// A peer's client opens `connections()` connections and calls the scenario:
//
//   on_ready(connection)               it is connected
//   on_message(connection, text_size)  a MessageInd came
//   on_response(connection)            a ConnectRsp came
//   on_writable(connection)            while the scenario streams(): what was sent is on its way,
//   there is room for more
//
// and the scenario calls the connection:
//
//   send()       sends the peer's prepared message: MessageInd{user: "erik", text: `size` bytes}
//   request()    sends ConnectReq{user: "erik"}
//   writable()   false: the rest should wait for on_writable
//
// The client stops when done() is true.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iostream>
#include <string>

#include "bench/common/measure.h"
#include "bench/common/options.h"

namespace bench {

class Scenario {
 public:
  explicit Scenario(const Options& options) : options_(options) {}

  int connections() const { return options_.connections; }
  bool streams() const { return false; }
  bool done() const { return done_; }

  template <class Connection>
  void on_ready(Connection&) {}
  template <class Connection>
  void on_message(Connection&, std::size_t) {}
  template <class Connection>
  void on_response(Connection&) {}
  template <class Connection>
  void on_writable(Connection&) {}

 protected:
  void check_size(std::size_t text_size) const {
    if (text_size != options_.size) fail("a message of the wrong size arrived");
  }

  Options options_;
  bool done_ = false;
};

// CPU time and wall time of both sides between start() and stop().
class Stopwatch {
 public:
  explicit Stopwatch(int server_pid) : server_pid_(server_pid) {}

  void start() {
    client_cpu_ = cpu_seconds(0);
    server_cpu_ = server_cpu();
    client_calls_ = system_calls(::getpid());
    server_calls_ = system_calls(server_pid_);
    started_ = Clock::now();
  }

  double elapsed() const { return seconds_between(started_, Clock::now()); }

  // `messages` a second, and the CPU seconds that a million of them cost each side; and the system
  // calls of a message, if they are counted.
  void report(double messages) const {
    const double seconds = elapsed();
    const double client = cpu_seconds(0) - client_cpu_;
    const double server = server_cpu() - server_cpu_;
    Report()
        .add("rate", messages / seconds)
        .add("client_cpu", client / messages * 1e6)
        .add("server_cpu", server / messages * 1e6)
        .add("client_calls", (system_calls(::getpid()) - client_calls_) / messages)
        .add("server_calls", (system_calls(server_pid_) - server_calls_) / messages)
        .print();
  }

 private:
  double server_cpu() const { return server_pid_ == 0 ? 0 : cpu_seconds(server_pid_); }

  int server_pid_;
  Clock::time_point started_;
  double client_cpu_ = 0;
  double server_cpu_ = 0;
  double client_calls_ = 0;
  double server_calls_ = 0;
};

// Streams messages for a while, then a request; its answer says that the server has handled them
// all.
class OneWay : public Scenario {
 public:
  explicit OneWay(const Options& options) : Scenario(options), stopwatch_(options.server_pid) {
    warm_up_ = options.seconds < 0.2 ? options.seconds : 0.2;
    batch_ = options.size >= kBatchBytes ? 1 : kBatchBytes / (options.size + kOverhead);
  }

  bool streams() const { return streaming_; }

  template <class Connection>
  void on_ready(Connection& connection) {
    start_phase();
    on_writable(connection);
  }

  template <class Connection>
  void on_writable(Connection& connection) {
    if (!streaming_) return;
    if (stopwatch_.elapsed() >= (measuring_ ? options_.seconds : warm_up_)) {
      streaming_ = false;
      connection.request();
      return;
    }
    for (std::size_t i = 0; i < batch_ && connection.writable(); ++i) {
      connection.send();
      ++sent_;
    }
  }

  template <class Connection>
  void on_response(Connection& connection) {
    if (measuring_) {
      stopwatch_.report(static_cast<double>(sent_));
      done_ = true;
      return;
    }
    measuring_ = true;
    start_phase();
    on_writable(connection);
  }

 private:
  static constexpr std::size_t kBatchBytes = 64 * 1024;
  static constexpr std::size_t kOverhead = 16;

  void start_phase() {
    sent_ = 0;
    streaming_ = true;
    stopwatch_.start();
  }

  Stopwatch stopwatch_;
  double warm_up_;
  std::size_t batch_;
  std::uint64_t sent_ = 0;
  bool streaming_ = false;
  bool measuring_ = false;
};

// Streams until it is killed.
class Flood : public Scenario {
 public:
  using Scenario::Scenario;

  bool streams() const { return true; }

  template <class Connection>
  void on_ready(Connection& connection) {
    std::cout << "ready" << std::endl;
    on_writable(connection);
  }

  template <class Connection>
  void on_writable(Connection& connection) {
    for (int i = 0; i < 1000 && connection.writable(); ++i) connection.send();
  }
};

// Keeps `window` messages on their way to an echoing server and back. With a window of one that is
// a ping-pong, and the time of each round trip counts; with a larger one it is the rate.
class RoundTrips : public Scenario {
 public:
  explicit RoundTrips(const Options& options)
      : Scenario(options),
        stopwatch_(options.server_pid),
        latencies_(options.window == 1 ? 1 << 20 : 0) {}

  template <class Connection>
  void on_ready(Connection& connection) {
    start();
    for (int i = 0; i < options_.window; ++i) connection.send();
  }

  template <class Connection>
  void on_message(Connection& connection, std::size_t text_size) {
    check_size(text_size);
    arrived();
    if (!done_) connection.send();
  }

 protected:
  void start() {
    stopwatch_.start();
    sent_at_ = Clock::now();
  }

  // Takes the time of one round trip.
  void arrived() {
    if (options_.window == 1) {
      const Clock::time_point now = Clock::now();
      if (measuring_) latencies_.add(now - sent_at_);
      sent_at_ = now;
    }
    ++round_trips_;
    if (round_trips_ % 64 != 0) return;
    if (!measuring_ && stopwatch_.elapsed() > kWarmUp) {
      measuring_ = true;
      round_trips_ = 0;
      stopwatch_.start();
    } else if (measuring_ && stopwatch_.elapsed() > options_.seconds) {
      finish();
    }
  }

 private:
  static constexpr double kWarmUp = 0.1;

  void finish() {
    done_ = true;
    if (options_.window > 1) {
      stopwatch_.report(static_cast<double>(round_trips_));
      return;
    }
    Report()
        .add("p50", latencies_.percentile_us(50))
        .add("p99", latencies_.percentile_us(99))
        .add("count", static_cast<double>(latencies_.count()))
        .print();
  }

  Stopwatch stopwatch_;
  Latencies latencies_;
  Clock::time_point sent_at_;
  std::uint64_t round_trips_ = 0;
  bool measuring_ = false;
};

// A ping-pong of requests and responses, which a server in any mode answers.
class Requests : public RoundTrips {
 public:
  using RoundTrips::RoundTrips;

  template <class Connection>
  void on_ready(Connection& connection) {
    start();
    for (int i = 0; i < options_.window; ++i) connection.request();
  }

  template <class Connection>
  void on_message(Connection&, std::size_t) {}

  template <class Connection>
  void on_response(Connection& connection) {
    arrived();
    if (!done_) connection.request();
  }
};

// The first connection keeps `window` messages on their way to a server that sends each of them to
// every connection.
class Broadcast : public Scenario {
 public:
  explicit Broadcast(const Options& options) : Scenario(options), stopwatch_(options.server_pid) {}

  template <class Connection>
  void on_ready(Connection& connection) {
    if (++ready_ < connections()) return;
    stopwatch_.start();
    for (int i = 0; i < options_.window; ++i) connection.send();
    sender_ = &connection;
  }

  template <class Connection>
  void on_message(Connection& connection, std::size_t text_size) {
    check_size(text_size);
    ++deliveries_;
    if (&connection != sender_ || done_) return;
    connection.send();
    if (++own_ % 64 == 0) check_time();
  }

 private:
  static constexpr double kWarmUp = 0.2;

  void check_time() {
    if (!measuring_ && stopwatch_.elapsed() > kWarmUp) {
      measuring_ = true;
      deliveries_ = 0;
      stopwatch_.start();
    } else if (measuring_ && stopwatch_.elapsed() > options_.seconds) {
      done_ = true;
      stopwatch_.report(static_cast<double>(deliveries_));
    }
  }

  Stopwatch stopwatch_;
  const void* sender_ = nullptr;
  int ready_ = 0;
  std::uint64_t deliveries_ = 0;
  std::uint64_t own_ = 0;
  bool measuring_ = false;
};

// Two indications and a request on a connection that was just made: the time until the answer.
class Fresh : public Scenario {
 public:
  using Scenario::Scenario;

  template <class Connection>
  void on_ready(Connection& connection) {
    ready_at_ = Clock::now();
    connection.send();
    connection.send();
    connection.request();
  }

  template <class Connection>
  void on_response(Connection&) {
    Report().add("latency", seconds_between(ready_at_, Clock::now()) * 1e6).print();
    done_ = true;
  }

 private:
  Clock::time_point ready_at_;
};

// Connects and stays, saying nothing.
class Idle : public Scenario {
 public:
  using Scenario::Scenario;

  template <class Connection>
  void on_ready(Connection&) {
    if (++ready_ == connections()) std::cout << "ready" << std::endl;
  }

 private:
  int ready_ = 0;
};

// Calls `run(scenario)` with the scenario that the options name.
template <class Run>
void with_scenario(const Options& options, const Run& run) {
  const std::string& name = options.scenario;
  const auto run_as = [&](auto scenario) { run(scenario); };
  if (name == "one_way") {
    run_as(OneWay(options));
  } else if (name == "flood") {
    run_as(Flood(options));
  } else if (name == "round_trips") {
    run_as(RoundTrips(options));
  } else if (name == "requests") {
    run_as(Requests(options));
  } else if (name == "broadcast") {
    run_as(Broadcast(options));
  } else if (name == "fresh") {
    run_as(Fresh(options));
  } else if (name == "idle") {
    run_as(Idle(options));
  } else {
    fail("unknown scenario '" + name + "'");
  }
}

}  // namespace bench

#endif  // MESSI_BENCH_COMMON_SCENARIO_H_
