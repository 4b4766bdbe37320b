#ifndef MESSI_BENCH_COMMON_OPTIONS_H_
#define MESSI_BENCH_COMMON_OPTIONS_H_

// The command line that every benchmark program understands.

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace bench {

enum class Role { kServer, kClient };

// What a server does with a MessageInd. It answers every ConnectReq with a ConnectRsp, whatever the
// mode.
enum class Mode {
  kSink,       // counts it
  kEcho,       // sends it back
  kBroadcast,  // sends it to every client
  kStream,     // counts it; a client that sends a ConnectReq is flooded with messages for ever
};

struct Options {
  Role role = Role::kServer;
  Mode mode = Mode::kSink;
  std::string scenario;
  int port = 0;
  int server_pid = 0;
  std::size_t size = 16;
  double seconds = 1;
  int connections = 1;
  int window = 1;
  int busy_poll_us = 0;         // how long messi's loop looks again before it sleeps
  double rate = 0;              // bytes per second, for a reader that is slow on purpose
  bool fresh_sessions = false;  // each connection goes to another address of this machine
  bool any_address = false;     // the server listens at all of them
  bool groups = false;          // broadcasts go to a group that all clients have joined
  bool sessions = false;        // what is sent is kept until it is acknowledged
  std::size_t max_pending_bytes = 1024 * 1024;  // a client of messi waits when half of it is
  std::string calls;  // "by_hand", "in_order" or "named": how answers find their requests
  std::string tls;    // with TLS: the folder with ca.pem, server.pem and server_key.pem
};

[[noreturn]] inline void fail(const std::string& what) {
  std::cerr << "bench: " << what << std::endl;
  std::exit(1);
}

inline Mode parse_mode(std::string_view name) {
  if (name == "sink") return Mode::kSink;
  if (name == "echo") return Mode::kEcho;
  if (name == "broadcast") return Mode::kBroadcast;
  if (name == "stream") return Mode::kStream;
  fail("unknown mode '" + std::string(name) + "': sink, echo, broadcast or stream");
}

inline Options parse_options(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) fail("usage: PROGRAM server|client [--OPTION VALUE]...");
  Options options;
  options.role = std::string_view(argv[1]) == "server" ? Role::kServer : Role::kClient;
  for (int i = 2; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--mode") {
      options.mode = parse_mode(value);
    } else if (name == "--scenario") {
      options.scenario = value;
    } else if (name == "--port") {
      options.port = std::atoi(value);
    } else if (name == "--server-pid") {
      options.server_pid = std::atoi(value);
    } else if (name == "--size") {
      options.size = static_cast<std::size_t>(std::atoll(value));
    } else if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else if (name == "--connections") {
      options.connections = std::atoi(value);
    } else if (name == "--window") {
      options.window = std::atoi(value);
    } else if (name == "--max-pending-bytes") {
      options.max_pending_bytes = static_cast<std::size_t>(std::atoll(value));
    } else if (name == "--busy-poll-us") {
      options.busy_poll_us = std::atoi(value);
    } else if (name == "--rate") {
      options.rate = std::atof(value);
    } else if (name == "--fresh-sessions") {
      options.fresh_sessions = std::atoi(value) != 0;
    } else if (name == "--any-address") {
      options.any_address = std::atoi(value) != 0;
    } else if (name == "--groups") {
      options.groups = std::atoi(value) != 0;
    } else if (name == "--sessions") {
      options.sessions = std::atoi(value) != 0;
    } else if (name == "--calls") {
      options.calls = value;
    } else if (name == "--tls") {
      options.tls = value;
    } else {
      fail("unknown option " + std::string(name));
    }
  }
  return options;
}

// The driver reads the chosen port from the server's first line.
inline void announce_port(int port) { std::cout << "port " << port << std::endl; }

}  // namespace bench

#endif  // MESSI_BENCH_COMMON_OPTIONS_H_
