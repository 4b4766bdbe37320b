#include "test/faults/scenarios.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/status/status.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/socket_address.h"
#include "messi/tls.h"
#include "messi/websocket.h"
#include "test/faults/calls.h"
#include "test/io/dns_server.h"
#include "test/support/authority.h"
#include "test/support/bytes.h"
#include "test/support/masked_network.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

namespace messi::test {

namespace {

using namespace std::chrono_literals;

constexpr const char* kTcp = "tcp://127.0.0.1:0";

/// A path that no other process uses.
std::string own_path(const std::string& name) {
  return "/tmp/messi-faults-" + std::to_string(::getpid()) + "-" + name;
}

ClientOptions without_delays() {
  ClientOptions options;
  options.backoff.initial = 10ms;
  options.backoff.max = 100ms;
  return options;
}

/// Both stop in order, and say whether anything was lost on the way.
void finish(World& world, Talker& client, Host& server) {
  world.attempt([&] { client.stop(); });
  world.until("the client has stopped", [&] { return client.stopped(); });
  world.attempt([&] { server.stop(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
  expect(server.client_count() == 0, "a stopped server has clients");
  world.happened(world.all_arrived() ? "all has arrived" : "not all has arrived");
}

/// The client says `up` messages on each connection, and gets `down`.
void exchange(World& world, const std::string& uri, std::size_t up, std::size_t down,
              std::size_t size, ClientOptions client_options = without_delays(),
              ServerOptions server_options = {}) {
  Host server(world, uri, server_options);
  server.greetings = down;
  server.greeting_size = size;
  world.start(server);
  Talker client(world, server.uri(), std::move(client_options));
  client.then = [&] { client.say(up, size); };
  world.attempt([&] { client.start(); });
  world.until("both have heard all", [&] { return server.heard >= up && client.heard >= down; });
  finish(world, client, server);
}

void talk_over_tcp(World& world) { exchange(world, kTcp, 5, 5, 10); }
void talk_over_unix(World& world) { exchange(world, "unix://" + own_path("talk"), 5, 5, 10); }
void talk_over_abstract(World& world) {
  exchange(world, "unix-abstract:messi-faults-" + std::to_string(::getpid()), 5, 5, 10);
}
void listen_everywhere(World& world) { exchange(world, "tcp://:0", 3, 3, 10); }
void listen_at_name(World& world) { exchange(world, "tcp://localhost:0", 3, 3, 10); }
void large_messages(World& world) { exchange(world, kTcp, 2, 2, 700'000); }
void largest_frames(World& world) {
  ClientOptions client = without_delays();
  ServerOptions server;
  client.max_payload_size = server.max_payload_size = 0xffffff;
  client.max_pending_bytes = server.max_pending_bytes = 64 * 1024 * 1024;
  exchange(world, kTcp, 1, 1, 3'000'000, client, server);
}
void many_small(World& world) { exchange(world, kTcp, 200, 200, 400); }
/// What they say waits in lanes, and some of it is held back there for a while.
void senders(World& world) {
  ClientOptions client_options = without_delays();
  client_options.max_pending_bytes = 10'000;
  // Not over TCP: without TCP_NODELAY the system's own timers would take real time.
  Host server(world, "unix://" + own_path("senders"));
  server.uses_senders = true;
  server.greetings = 50;
  server.greeting_size = 400;
  world.start(server);
  Talker client(world, server.uri(), client_options);
  client.uses_sender = true;
  client.then = [&] { client.say(50, 400); };
  world.attempt([&] { client.start(); });
  world.until("both have heard all", [&] { return server.heard >= 50 && client.heard >= 50; });
  finish(world, client, server);
}
void options_of_sockets(World& world) {
  ClientOptions client = without_delays();
  client.socket.send_buffer = client.socket.receive_buffer = 8'192;
  client.socket.tcp_user_timeout = 10s;
  ServerOptions server;
  server.socket = client.socket;
  // Not over TCP: the system's own timers would take real time.
  exchange(world, "unix://" + own_path("small"), 10, 10, 5'000, client, server);
}
void mode_of_file(World& world) {
  ServerOptions server;
  server.unix_mode = 0600;
  exchange(world, "unix://" + own_path("mode"), 2, 2, 10, without_delays(), server);
}
void relative_path(World& world) {
  expect(::chdir("/tmp") == 0, "no /tmp");
  exchange(world, "unix://" + own_path("relative").substr(5), 2, 2, 10);
}

void wrapped_streams(World& world) {
  MaskedNetwork network(world.loop, "masked", "tcp");
  exchange(world, "masked://127.0.0.1:0", 5, 5, 1'000);
}

/// Over TLS, and each knows the other.
void exchange_over_tls(World& world, std::size_t messages, std::size_t size) {
  std::unique_ptr<tls::Network> network;
  {
    const Exempt exempt;
    static const Authority authority;
    static const tls::Config config = mutual_config_of(authority);
    network = std::make_unique<tls::Network>(world.loop, config);
  }
  exchange(world, "tls://127.0.0.1:0", messages, messages, size);
}
void talk_over_tls(World& world) { exchange_over_tls(world, 5, 10); }
void much_over_tls(World& world) { exchange_over_tls(world, 10, 100'000); }

/// Not over TCP: without TCP_NODELAY the system's own timers would take real time.
void exchange_over_websocket(World& world, std::size_t messages, std::size_t size) {
  const websocket::Network network(world.loop, {}, "local", "unix");
  exchange(world, "local://" + own_path("websocket"), messages, messages, size);
}
void talk_over_websocket(World& world) { exchange_over_websocket(world, 5, 10); }
void much_over_websocket(World& world) { exchange_over_websocket(world, 10, 100'000); }

void name_in_hosts(World& world) {
  Host server(world, "tcp://127.0.0.1:0");
  world.start(server);
  Talker client(world, "tcp://localhost:" + std::to_string(server.port()), without_delays());
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("the server has heard it", [&] { return server.heard >= 3; });
  finish(world, client, server);
}

void name_by_dns(World& world) {
  std::unique_ptr<DnsServer> names;
  {
    const Exempt exempt;
    names = std::make_unique<DnsServer>(world.loop);
  }
  names->a["a.test"] = {"127.0.0.1"};
  names->aaaa["a.test"] = {};
  Host server(world, kTcp);
  world.start(server);
  Talker client(world, "tcp://a.test:" + std::to_string(server.port()), without_delays());
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("the server has heard it", [&] { return server.heard >= 3; });
  finish(world, client, server);
}

void name_comes_late(World& world) {
  std::unique_ptr<DnsServer> names;
  {
    const Exempt exempt;
    names = std::make_unique<DnsServer>(world.loop);
  }
  names->answers_unknown = true;
  Host server(world, kTcp);
  world.start(server);
  Talker client(world, "tcp://b.test:" + std::to_string(server.port()), without_delays());
  world.attempt([&] { client.start(); });
  world.until("there is no such name", [&] { return client.failures >= 1; });
  names->a["b.test"] = {"127.0.0.1"};
  names->aaaa["b.test"] = {"::1"};
  world.until("there is a connection", [&] { return client.connected(); });
  finish(world, client, server);
}

void silent_name_server(World& world) {
  std::unique_ptr<DnsServer> names;
  {
    const Exempt exempt;
    names = std::make_unique<DnsServer>(world.loop);
  }
  Talker client(world, "tcp://c.test:6000", without_delays());
  world.attempt([&] { client.start(); });
  world.until("nobody knows the name", [&] { return client.failures >= 2; });
  world.attempt([&] { client.stop(); });
  world.until("the client has stopped", [&] { return client.stopped(); });
}

void say_to_five(World& world, bool groups) {
  Host server(world, kTcp);
  server.groups = groups;
  world.start(server);
  std::vector<std::unique_ptr<Talker>> clients;
  constexpr std::size_t kClients = 5;
  for (std::size_t i = 0; i < kClients; ++i) {
    world.attempt([&] {
      clients.push_back(std::make_unique<Talker>(world, server.uri(), without_delays()));
    });
    world.attempt([&] { clients.back()->start(); });
  }
  std::size_t rounds = 0;
  world.until("all have heard ten", [&] {
    if (server.known == kClients && rounds < 1'000 && ++rounds > 0) server.say_to_all(5, 500);
    return std::all_of(clients.begin(), clients.end(),
                       [](const auto& each) { return each->heard >= 10; });
  });
  for (const auto& client : clients) world.attempt([&] { client->stop(); });
  for (const auto& client : clients) {
    world.until("a client has stopped", [&] { return client->stopped(); });
  }
  world.attempt([&] { server.stop(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
}

void broadcasts(World& world) { say_to_five(world, false); }

void group_of_five(World& world) { say_to_five(world, true); }

/// Answers in a hook, later, and not at all.
class Callee : public chat::ChatServer {
 public:
  explicit Callee(World& world, const ServerOptions& options)
      : ChatServer(world.loop, "unix://" + own_path("callee"), options) {}

  std::vector<Responder<chat::ConnectRsp>> later;

  void on_connect_req(Client& /*client*/, const chat::ConnectReq& request) override {
    if (request.user() == "hook") {
      reply(chat::ConnectRsp());
    } else if (request.user() == "later") {
      later.push_back(answer_later(request));
    } else {
      answer_later(request);
    }
  }
};

/// Each call is told what became of it, once.
void calls_of_all_kinds(World& world) {
  ServerOptions options;
  options.handshake = true;
  Callee server(world, options);
  world.until("the server has started", [&] {
    bool started = false;
    world.attempt([&] { started = server.start().ok(); });
    return started;
  });
  ClientOptions of_client = without_delays();
  of_client.handshake = true;
  chat::ChatClient client(world.loop, server.uri(), of_client);
  world.attempt([&] { client.start(); });
  std::vector<int> told;
  const auto ask = [&](const char* how, Duration timeout) {
    messi::Call call;
    world.attempt([&] {
      chat::ConnectReq request;
      request.set_user(how);
      const std::size_t number = told.size();
      told.reserve(number + 1);
      call = client.call(request, timeout,
                         [&told, number](CallResult<chat::ConnectRsp>) { ++told[number]; });
      told.push_back(0);
    });
    return call;
  };
  for (int round = 0; round < 2; ++round) {
    world.until("the client is connected", [&] { return client.connected(); });
    for (int i = 0; i < 2; ++i) {
      ask("hook", 20s);
      ask("later", 20s);
      ask("not at all", 20s);
      ask("later", 1ms);
      messi::Call call = ask("later", 20s);
      world.attempt([&] { call.cancel(); });
    }
    world.run_for(5ms);
    for (auto& each : server.later) world.attempt([&] { each.reply(chat::ConnectRsp()); });
    server.later.clear();
    world.until("all were told", [&] {
      return std::all_of(told.begin(), told.end(), [](int times) { return times > 0; });
    });
  }
  world.attempt([&] { client.stop(); });
  world.until("the client has stopped", [&] { return client.stopped(); });
  world.attempt([&] { server.stop(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
  for (const int times : told) expect(times == 1, "a call was told twice");
}

void slow_reader(World& world) {
  ServerOptions options;
  options.max_pending_bytes = 50'000;
  options.socket.send_buffer = 8'192;
  Host server(world, "unix://" + own_path("slow"), options);
  server.greetings = 1;
  world.start(server);
  Talker quick(world, server.uri(), without_delays());
  Talker slow(world, server.uri(), without_delays());
  slow.on_each = [&] { slow.pause(); };
  world.attempt([&] { quick.start(); });
  world.attempt([&] { slow.start(); });
  world.until("the slow one was given up", [&] {
    if (server.known == 2) server.say_to_all(2, 20'000);
    return slow.ends >= 1 || server.ends >= 1;
  });
  slow.on_each = nullptr;
  world.until("the slow one is back", [&] {
    if (slow.paused()) world.attempt([&] { slow.resume(); });
    return slow.connected() && quick.connected();
  });
  world.attempt([&] { quick.stop(); });
  world.until("the quick one has stopped", [&] { return quick.stopped(); });
  world.attempt([&] { slow.stop_now(); });
  world.until("the slow one has stopped", [&] { return slow.stopped(); });
  world.attempt([&] { server.stop_now(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
}

void server_restarts(World& world) {
  auto server = std::make_unique<Host>(world, kTcp);
  world.start(*server);
  const std::string uri = server->uri();
  Talker client(world, uri, without_delays());
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("the first server hears", [&] { return server->heard >= 3; });
  world.attempt([&] { server->stop_now(); });
  world.until("the first server has stopped", [&] { return server->stopped(); });
  server.reset();
  Host next(world, uri);
  world.start(next);
  world.until("the next server hears", [&] { return next.heard >= 3; });
  finish(world, client, next);
}

void many_uris(World& world) {
  Host server(world, kTcp);
  world.start(server);
  ClientOptions options = without_delays();
  options.more_uris = {"unix:///tmp/messi-faults-nobody", server.uri()};
  options.shuffle_uris = true;
  Talker client(world, "tcp://127.0.0.1:1", options);
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("one of them works", [&] { return server.heard >= 3; });
  finish(world, client, server);
}

void many_addresses(World& world) {
  Host server(world, "tcp://127.0.0.1:0");
  world.start(server);
  Talker client(world, "tcp://:" + std::to_string(server.port()), without_delays());
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("one of them works", [&] { return server.heard >= 3; });
  finish(world, client, server);
}

void refused_connects(World& world) {
  std::uint16_t port = 0;
  {
    const Exempt exempt;
    port = RawListener().port();
  }
  const std::string uri = "tcp://127.0.0.1:" + std::to_string(port);
  Talker client(world, uri, without_delays());
  client.then = [&] { client.say(3); };
  world.attempt([&] { client.start(); });
  world.until("it was refused", [&] { return client.failures >= 3; });
  Host server(world, uri);
  world.start(server);
  world.until("it was accepted", [&] { return server.heard >= 3; });
  finish(world, client, server);
}

void stop_while_connecting(World& world) {
  Host server(world, kTcp);
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  for (int i = 0; i < 3; ++i) {
    world.attempt([&] { client.start(); });
    world.run_for(Duration::zero());
    world.attempt([&] { client.stop(); });
    world.until("the client has stopped", [&] { return client.stopped(); });
  }
  world.attempt([&] { client.start(); });
  world.until("there is a connection", [&] { return client.connected(); });
  finish(world, client, server);
}

void stop_at_once(World& world) {
  Host server(world, kTcp);
  server.greetings = 3;
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  client.then = [&] {
    client.say(50, 10'000);
    client.stop_now();
  };
  world.attempt([&] { client.start(); });
  world.until("there was a connection", [&] { return client.ends >= 1 && client.stopped(); });
  world.attempt([&] { server.stop_now(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
}

void stop_after_much(World& world) {
  Host server(world, kTcp);
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  client.then = [&] {
    client.say(100, 10'000);
    client.stop();
  };
  world.attempt([&] { client.start(); });
  world.until("there was a connection", [&] { return client.ends >= 1 && client.stopped(); });
  finish(world, client, server);
}

void server_stops_after_much(World& world) {
  Host server(world, kTcp);
  world.start(server);
  server.greetings = 100;
  server.greeting_size = 10'000;
  bool stopped = false;
  server.on_each = [&](Host::Client&) {
    server.stop();
    stopped = true;
  };
  Talker client(world, server.uri(), without_delays());
  client.then = [&] { client.say(1); };
  world.attempt([&] { client.start(); });
  world.until("the server has stopped", [&] { return stopped && server.stopped(); });
  finish(world, client, server);
}

void start_during_stop(World& world) {
  Host server(world, kTcp);
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  client.then = [&] { client.say(2); };
  world.attempt([&] { client.start(); });
  world.until("there is a connection", [&] { return client.connected(); });
  world.attempt([&] { client.stop(); });
  world.attempt([&] { client.start(); });
  world.until("there is another", [&] { return client.connections >= 2 && client.connected(); });
  finish(world, client, server);
}

void server_disconnects(World& world) {
  Host server(world, kTcp);
  world.start(server);
  bool now = false;
  server.on_each = [&](Host::Client& client) {
    server.say(client, 10);
    now ? client.disconnect_now() : client.disconnect();
    now = !now;
  };
  Talker client(world, server.uri(), without_delays());
  client.then = [&] { client.say(1); };
  world.attempt([&] { client.start(); });
  world.until("it came back", [&] { return client.connections >= 4 && client.connected(); });
  server.on_each = nullptr;
  finish(world, client, server);
}

void client_pauses(World& world) {
  Host server(world, kTcp);
  server.greetings = 40;
  server.greeting_size = 5'000;
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  Timer later(world.loop, [&] { client.resume(); });
  client.on_each = [&] {
    if (client.heard % 10 != 0) return;
    client.pause();
    later.set(world.loop.now() + 7s);
  };
  world.attempt([&] { client.start(); });
  world.until("it has heard all", [&] { return client.heard >= 40; });
  client.on_each = nullptr;
  finish(world, client, server);
}

void server_pauses(World& world) {
  Host server(world, kTcp);
  world.start(server);
  Timer later(world.loop, [&] {
    for (Host::Client& client : server.clients()) client.resume();
  });
  server.on_each = [&](Host::Client& client) {
    if (server.heard % 10 != 0) return;
    client.pause();
    later.set(world.loop.now() + 7s);
  };
  Talker client(world, server.uri(), without_delays());
  client.then = [&] { client.say(40, 5'000); };
  world.attempt([&] { client.start(); });
  world.until("it has heard all", [&] { return server.heard >= 40; });
  server.on_each = nullptr;
  finish(world, client, server);
}

void silent_server(World& world) {
  std::unique_ptr<RawListener> silent;
  {
    const Exempt exempt;
    silent = std::make_unique<RawListener>();
  }
  Talker client(world, silent->uri(), without_delays());
  world.attempt([&] { client.start(); });
  world.until("it gave up twice", [&] { return client.ends >= 2; });
  world.attempt([&] { client.stop_now(); });
  world.until("the client has stopped", [&] { return client.stopped(); });
}

void silent_client(World& world) {
  Host server(world, kTcp);
  world.start(server);
  for (int i = 0; i < 2; ++i) {
    const std::size_t before = server.ends + server.refused;
    int tries = 0;
    io::Fd silent;
    world.until("it was given up", [&] {
      if (server.ends + server.refused > before) return true;
      if (tries++ % 10 == 0) {  // its connection may have been aborted
        const Exempt exempt;
        silent = connected_socket(server.port());
      }
      return false;
    });
  }
  world.attempt([&] { server.stop_now(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
}

void strangers(World& world) {
  Host server(world, kTcp);
  world.start(server);
  const std::string hellos[] = {"GET / HTTP/1.1\r\n\r\n", frame(1, "\xff\xff"), header(1, 0xffffff),
                                frame(9)};
  for (const std::string& hello : hellos) {
    io::Fd stranger;
    int tries = 0;
    world.until("the stranger was turned away", [&] {
      const Exempt exempt;
      if (stranger.valid()) {
        read_all(stranger);  // it may be told why
        if (at_end(stranger)) return true;
      }
      if (tries++ % 10 == 0) stranger = connected_socket(server.port());
      if (tries % 10 == 2) write_some(stranger, hello);
      return false;
    });
  }
  world.attempt([&] { server.stop_now(); });
  world.until("the server has stopped", [&] { return server.stopped(); });
}

void too_many(World& world) {
  ServerOptions options;
  options.max_clients = 1;
  Host server(world, kTcp, options);
  world.start(server);
  Talker first(world, server.uri(), without_delays());
  world.attempt([&] { first.start(); });
  world.until("the first is in", [&] { return server.client_count() >= 1; });
  Talker second(world, server.uri(), without_delays());
  world.attempt([&] { second.start(); });
  world.until("the second was refused", [&] { return server.refused >= 2; });
  world.attempt([&] { first.stop(); });
  world.until("the first has stopped", [&] { return first.stopped(); });
  world.until("the second is in", [&] { return second.connected() && server.known == 1; });
  finish(world, second, server);
}

void hooks_throw(World& world) {
  Host server(world, kTcp);
  server.greetings = 3;
  world.start(server);
  std::size_t thrown = 0;
  const auto rarely = [&thrown] {
    if (++thrown % 3 == 0) throw std::bad_alloc();
  };
  Talker client(world, server.uri(), without_delays());
  client.then = [&] {
    client.say(3);
    rarely();
  };
  client.on_each = rarely;
  server.on_each = [&](Host::Client&) { rarely(); };
  world.attempt([&] { client.start(); });
  world.until("hooks have thrown", [&] { return client.connections >= 5; });
  client.then = nullptr;
  client.on_each = nullptr;
  server.on_each = nullptr;
  world.until("there is a connection", [&] { return client.connected(); });
  finish(world, client, server);
}

void timers_and_posts(World& world) {
  std::size_t fired = 0;
  std::size_t posted = 0;
  Timer timer(world.loop, [&] {
    if (++fired < 10) timer.set(world.loop.now() + 1s);
  });
  world.attempt([&] { timer.set(world.loop.now()); });
  world.until("all have fired", [&] {
    if (posted < 10) world.attempt([&] { world.loop.post([&] { ++posted; }); });
    return fired >= 10 && posted >= 10;
  });
}

/// A server's file that nobody serves any more.
void leave_file_behind(const std::string& path) {
  const Exempt exempt;
  const io::Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
  const io::SocketAddress address = io::SocketAddress::unix_path(path);
  ::unlink(path.c_str());
  expect(::bind(dead.get(), address.data(), address.size()) == 0, "cannot leave a file behind");
}

void file_left_behind(World& world) {
  const std::string path = own_path("dead");
  leave_file_behind(path);
  exchange(world, "unix://" + path, 2, 2, 10);
  const Exempt exempt;
  ::unlink(path.c_str());
}

void file_taken(World& world) {
  const std::string uri = "unix://" + own_path("taken");
  auto first = std::make_unique<Host>(world, uri);
  world.start(*first);
  Host second(world, uri);
  absl::Status status;
  world.attempt([&] { status = second.start(); });
  expect(!status.ok(), "two servers at one path");
  world.attempt([&] { first->stop(); });
  first.reset();
  world.start(second);
  Talker client(world, uri, without_delays());
  client.then = [&] { client.say(2); };
  world.attempt([&] { client.start(); });
  world.until("the second serves", [&] { return second.heard >= 2; });
  finish(world, client, second);
}

void opened_by_systemd(World& world) {
  {
    const Exempt exempt;
    const RawListener listener;
    ::dup2(listener.fd(), kFirstOfSystemd);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
  }
  exchange(world, "systemd:", 2, 2, 10);
}

void forks(World& world) {
  Host server(world, "unix://" + own_path("fork"));
  server.greetings = 3;
  world.start(server);
  auto client = std::make_unique<Talker>(world, server.uri(), without_delays());
  world.attempt([&] { client->start(); });
  world.until("there is a connection", [&] { return client->heard >= 3; });
  const pid_t child = ::fork();
  if (child == 0) {
    client.reset();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  expect(status == 0, "the child has crashed");
  client->say(3);
  world.until("the parent goes on", [&] {
    if (server.heard < 3 && client->connected()) client->say(1);
    return server.heard >= 3;
  });
  finish(world, *client, server);
}

void gone_while_connected(World& world) {
  auto server = std::make_unique<Host>(world, kTcp);
  world.start(*server);
  auto client = std::make_unique<Talker>(world, server->uri(), without_delays());
  client->then = [&] { client->say(20, 1'000); };
  world.attempt([&] { client->start(); });
  world.until("there is a connection", [&] { return server->heard >= 1; });
  client->say(20, 1'000);
  client.reset();
  world.until("the server has noticed", [&] { return server->client_count() == 0; });
  auto another = std::make_unique<Talker>(world, server->uri(), without_delays());
  world.attempt([&] { another->start(); });
  world.until("there is another", [&] { return another->connected() && server->known == 1; });
  server->say_to_all(10, 1'000);
  server.reset();
  world.until("the client has noticed", [&] { return another->ends >= 1; });
}

void another_loop(World& world) {
  std::unique_ptr<EpollLoop> second;
  {
    const Exempt exempt;
    second = std::make_unique<EpollLoop>();
  }
  Host server(world, kTcp);
  server.greetings = 3;
  world.start(server);
  Talker client(world, server.uri(), without_delays());
  Timer outer(*second, [&] { world.loop.poll(); });
  world.attempt([&] { client.start(); });
  world.until("it talks", [&] {
    try {
      outer.set(second->now() + 1ms);
      second->poll(1s);
    } catch (const std::bad_alloc&) {
      outer.cancel();
    }
    return client.heard >= 3;
  });
  outer.cancel();
  finish(world, client, server);
}

}  // namespace

const std::vector<Scenario>& all_scenarios() {
  static const std::vector<Scenario> all = {
      {"a client and a server talk over TCP", talk_over_tcp},
      {"a client and a server talk over a Unix socket", talk_over_unix},
      {"a client and a server talk over an abstract Unix socket", talk_over_abstract},
      {"a server at all addresses", listen_everywhere},
      {"a server at a name", listen_at_name},
      {"large messages", large_messages},
      {"messages of 3 MB", largest_frames},
      {"two hundred messages each way in one turn", many_small},
      {"senders", senders},
      {"small buffers of the system", options_of_sockets},
      {"a Unix socket with a mode", mode_of_file},
      {"a Unix socket at a relative path", relative_path},
      {"streams over streams", wrapped_streams},
      {"a client and a server talk over TLS", talk_over_tls},
      {"large messages over TLS", much_over_tls},
      {"a client and a server talk over WebSocket", talk_over_websocket},
      {"large messages over WebSocket", much_over_websocket},
      {"a name in /etc/hosts", name_in_hosts},
      {"a name that DNS knows", name_by_dns},
      {"a name that DNS knows later", name_comes_late, false},
      {"a name server that is silent", silent_name_server},
      {"broadcasts to five clients", broadcasts, false},
      {"a group of five clients", group_of_five, false},
      {"calls that are answered, late, dropped and cancelled", calls_of_all_kinds, false},
      {"a slow reader of broadcasts", slow_reader, false},
      {"a server is restarted", server_restarts},
      {"three URIs, and one works", many_uris, false},
      {"two addresses, and one works", many_addresses},
      {"connects are refused for a while", refused_connects},
      {"stopped while it connects", stop_while_connecting},
      {"stopped at once with much to say", stop_at_once, false},
      {"stopped in order with much to say", stop_after_much},
      {"a server stopped in order with much to say", server_stops_after_much},
      {"started again while it stops", start_during_stop},
      {"a server disconnects its client", server_disconnects, false},
      {"a client pauses", client_pauses, false},
      {"a server pauses its client", server_pauses, false},
      {"a server that is silent", silent_server},
      {"a client that is silent", silent_client},
      {"strangers that speak something else", strangers, false},
      {"one client too many", too_many, false},
      {"hooks that throw", hooks_throw, false},
      {"timers and posted calls", timers_and_posts},
      {"a socket's file that a dead server has left behind", file_left_behind},
      {"a socket's file of a server that lives", file_taken},
      {"a socket that systemd has opened", opened_by_systemd},
      {"a process that forks", forks},
      {"destroyed while connected", gone_while_connected},
      {"a loop within another loop", another_loop},
  };
  return all;
}

}  // namespace messi::test
