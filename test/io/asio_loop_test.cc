// What a loop on Asio is to the context that it is on. What it does for clients and servers, the
// other tests of this folder show.

#include "messi/io/asio_loop.h"

#include <sys/wait.h>
#include <unistd.h>

#include <asio/posix/stream_descriptor.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/io/attempt.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"
#include "test/support/sockets.h"

using messi::AsioLoop;
using messi::Task;
using messi::Timer;
using messi::io::Fd;
using messi::test::Client;
using messi::test::message;
using messi::test::RawListener;
using messi::test::Server;
using namespace std::chrono_literals;

namespace {

/// Runs the context until `condition()`; false if that takes far too long.
template <typename Condition>
bool run_until(asio::io_context& context, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!condition()) {
    context.restart();
    if (context.run_one_until(end) == 0) return condition();
  }
  return true;
}

/// An echo, which says so.
void echo(const std::string& event, Server::Client* from) {
  if (event == "message hello") from->send(message("echo"));
}

/// Of a server that looks for silent clients after longer than a test waits.
messi::ServerOptions patient() {
  messi::ServerOptions options;
  options.client_timeout = 1min;
  return options;
}

}  // namespace

TEST_CASE("the run of a context ends when its clients and servers have nothing left to do",
          "[io]") {
  asio::io_context context;
  AsioLoop loop(context);
  CHECK(context.run() == 0);
  context.restart();
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* from) {
    echo(event, from);
    if (event.find("disconnected") == 0) server.stop();
  };
  Client client(loop, server.uri());
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
    if (line == "message echo") client.stop();
  };
  client.start();
  context.run_for(10s);
  CHECK(client.stopped());
  CHECK(server.stopped());
  CHECK(context.stopped());
}

TEST_CASE("the run of a context ends when a server is stopped that has no clients any more",
          "[io]") {
  for (const bool at_once : {false, true}) {
    CAPTURE(at_once);
    asio::io_context context;
    AsioLoop loop(context);
    Server server(loop, "tcp://127.0.0.1:0", patient());
    REQUIRE(server.start().ok());
    bool gone = false;
    server.on = [&](const std::string& event, Server::Client*) {
      gone = event.find("disconnected") == 0;
    };
    Client client(loop, server.uri());
    client.then = [&](const std::string& line) {
      if (line == "connected") client.stop();
    };
    client.start();
    CHECK(run_until(context, [&] { return gone; }));
    at_once ? server.stop_now() : server.stop();
    context.restart();
    context.run_for(10s);
    CHECK(context.stopped());
  }
}

TEST_CASE("a run does not wait for a timer that was cancelled outside of it", "[io]") {
  asio::io_context context;
  AsioLoop loop(context);
  {
    Timer timer(loop, [] {});
    timer.set(loop.now() + 1h);
  }
  Timer timer(loop, [] {});
  timer.set(loop.now() + 1h);
  timer.cancel();
  context.run();
  int fired = 0;
  Timer sooner(loop, [&] { ++fired; });
  timer.set(loop.now() + 1h);
  sooner.set(loop.now() + 1ms);
  context.restart();
  CHECK(run_until(context, [&] { return fired == 1; }));
}

TEST_CASE("stop stops the context, and the loop goes on where it was", "[io]") {
  asio::io_context context;
  AsioLoop loop(context);
  int calls = 0;
  loop.post([&] {
    ++calls;
    loop.stop();
    loop.post([&] { ++calls; });
  });
  context.run();
  CHECK(context.stopped());
  CHECK(calls == 1);
  context.restart();
  context.run();
  CHECK(calls == 2);
}

TEST_CASE("handlers of the program's own run beside the loop's, and may use its clients", "[io]") {
  asio::io_context context;
  AsioLoop loop(context);
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = echo;
  Client client(loop, server.uri());
  client.start();
  asio::steady_timer timer(context);
  const std::function<void()> tick = [&] {
    timer.expires_after(1ms);
    timer.async_wait([&](const asio::error_code&) {
      if (client.count("message echo") == 5) return;
      if (client.connected()) client.send(message("hello"));
      tick();
    });
  };
  tick();
  CHECK(run_until(context, [&] { return client.count("message echo") >= 5; }));
}

TEST_CASE("an exception of a hook leaves the run, and only its connection ends", "[io]") {
  for (const bool on_strand : {false, true}) {
    CAPTURE(on_strand);
    asio::io_context context;
    auto loop = on_strand ? std::make_unique<AsioLoop>(asio::make_strand(context))
                          : std::make_unique<AsioLoop>(context);
    Server server(*loop, "tcp://127.0.0.1:0");
    REQUIRE(server.start().ok());
    server.on = [&](const std::string& event, Server::Client* from) {
      if (event == "message throw") throw std::runtime_error("a hook");
      echo(event, from);
    };
    Client good(*loop, server.uri());
    Client bad(*loop, server.uri());
    good.start();
    bad.start();
    CHECK(run_until(context, [&] { return good.connected() && bad.connected(); }));
    bad.send(message("throw"));
    good.send(message("hello"));
    CHECK_THROWS_AS(run_until(context, [&] { return bad.has("disconnected"); }),
                    std::runtime_error);
    CHECK(run_until(context, [&] { return bad.has("disconnected") && good.has("message echo"); }));
    CHECK(good.connected());

    loop->post([] { throw std::runtime_error("a call"); });
    bool called = false;
    loop->post([&] { called = true; });
    CHECK_THROWS_AS(run_until(context, [] { return false; }), std::runtime_error);
    CHECK(run_until(context, [&] { return called; }));
  }
}

TEST_CASE("a loop goes while things are under way, and its context runs on without it", "[io]") {
  for (const bool run_on : {true, false}) {
    for (int steps = 0; steps < 40; ++steps) {
      CAPTURE(run_on, steps);
      RawListener silent(1);
      asio::io_context context;
      bool posted = false;
      {
        AsioLoop loop(context);
        Timer timer(loop, [] {});
        Task task(loop, [] {});
        Server server(loop, "tcp://127.0.0.1:0");
        REQUIRE(server.start().ok());
        server.on = echo;
        Client client(loop, server.uri());
        Client looking_up(loop, "tcp://localhost:1");
        Client unanswered(loop, silent.uri());
        for (Client* const each : {&client, &looking_up, &unanswered}) each->start();
        client.then = [&](const std::string&) { client.send(message("hello")); };
        timer.set(loop.now() + 1h);
        for (int i = 0; i < steps; ++i) context.run_one_for(1ms);
        task.schedule();
        loop.post([&] { posted = true; });
      }
      if (run_on) context.run();
      CHECK_FALSE(posted);
    }
  }
}

TEST_CASE("a client is not turned away when there are descriptors again", "[io]") {
  // After so many steps; one is between Asio's failure to accept and the turn that hears of it.
  for (int steps = 0; steps < 6; ++steps) {
    CAPTURE(steps);
    asio::io_context context;
    AsioLoop loop(context);
    Server server(loop, "tcp://127.0.0.1:0");
    const messi::test::DescriptorLimit limit(64);
    std::vector<Fd> rest = messi::test::take_all_descriptors();
    rest.pop_back();  // for the listening socket, with nothing in reserve
    REQUIRE(server.start().ok());
    rest.pop_back();
    const Fd waiting = messi::test::tcp_socket();
    REQUIRE(messi::test::connect_to(waiting, server.port()));
    for (int i = 0; i < steps; ++i) context.run_one_for(1ms);
    rest.clear();
    CHECK(run_until(context, [&] { return server.client_count() == 1 || server.has("refused"); }));
    CHECK(server.client_count() == 1);
  }
}

TEST_CASE("a context that goes before its loop is a sentence", "[io]") {
  int words[2];
  REQUIRE(::pipe(words) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    ::dup2(words[1], 2);
    auto context = std::make_unique<asio::io_context>();
    const AsioLoop loop(*context);
    context.reset();
    ::_exit(0);
  }
  ::close(words[1]);
  char text[200] = "";
  CHECK(::read(words[0], text, sizeof(text) - 1) > 0);
  ::close(words[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  CHECK(std::string(text) == "messi: an io_context must not go before its AsioLoop\n");
}

TEST_CASE("several threads run the context of a loop on a strand", "[io]") {
  constexpr int kThreads = 3;
  constexpr int kClients = 4;
  constexpr int kMessages = 300;
  asio::io_context context;
  const AsioLoop::Strand strand = asio::make_strand(context);
  AsioLoop loop(strand);
  std::atomic<int> posts{0};
  {
    Server server(loop, "tcp://127.0.0.1:0");
    REQUIRE(server.start().ok());
    server.on = [&](const std::string&, Server::Client*) { server.log.clear(); };
    std::vector<std::unique_ptr<Client>> clients;
    int echoes = 0;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<Client>(loop, server.uri()));
      Client& client = *clients.back();
      client.then = [&](const std::string& line) {
        client.log.clear();
        if (line == "message again") ++echoes;
        if (line != "connected" && line != "message again") return;
        if (echoes < kMessages) return client.send(message("again"));
        for (const auto& each : clients) each->stop();
        server.stop();
      };
      client.start();
    }
    server.on = [&](const std::string& event, Server::Client* from) {
      server.log.clear();
      if (event == "message again") from->send(message("again"));
    };
    // A thread that starts late finds a context that still runs.
    auto work = asio::make_work_guard(context);
    std::atomic<int> to_post{kThreads};
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int each = 0; each < 100; ++each) loop.post([&] { ++posts; });
        if (--to_post == 0) work.reset();
        context.run();
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(echoes >= kMessages);
    CHECK(server.stopped());
  }
  CHECK(posts == kThreads * 100);
}

TEST_CASE("a loop that goes round takes no memory for what it waits for", "[io]") {
  asio::io_context context;
  AsioLoop loop(context);
  RawListener listener;
  messi::test::Attempt attempt(loop, listener.uri());
  CHECK(run_until(context, [&] { return attempt.ended(); }));
  const auto stream = attempt.take_stream();
  const Fd peer = listener.accept();
  REQUIRE(peer.valid());

  struct Reader final : messi::StreamHandler {
    messi::Stream* stream = nullptr;
    int reads = 0;
    void handle_readable() override {
      char bytes[10];
      const messi::Space space{bytes, sizeof(bytes)};
      reads += stream->read(&space, 1).kind == messi::IoResult::Kind::kSome ? 1 : 0;
    }
    void handle_writable() override {}
  } reader;
  reader.stream = stream.get();
  REQUIRE(stream->start(reader));
  int fired = 0;
  Timer timer(loop, [&] {
    ++fired;
    timer.set(loop.now());
  });
  timer.set(loop.now());
  const auto go_round = [&](int times) {
    for (const int end = reader.reads + times; reader.reads < end;) {
      messi::test::write_some(peer, "x");
      const int before = reader.reads;
      while (reader.reads == before) context.run_one();
    }
  };
  go_round(10);
  const std::size_t before = messi::test::allocations();
  go_round(1'000);
  CHECK(messi::test::allocations() == before);
  CHECK(fired > 1'000);
}

TEST_CASE("an EpollLoop runs on a context of Asio's, too", "[io]") {
  asio::io_context context;
  messi::EpollLoop loop;
  asio::posix::stream_descriptor ready(context, loop.fd());
  const std::function<void()> wait = [&] {
    ready.async_wait(asio::posix::stream_descriptor::wait_read, [&](const asio::error_code& error) {
      if (error) return;
      loop.poll();
      wait();
    });
  };
  wait();
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = echo;
  Client client(loop, server.uri());
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
  };
  client.start();
  CHECK(run_until(context, [&] { return client.has("message echo"); }));
  ready.release();
}
