#include "messi/metrics_server.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/statistics.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"

using messi::Metrics;
using messi::MetricsServer;
using messi::Statistics;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

struct World {
  World() {
    metrics.add("world", std::make_shared<Statistics>());
    server = std::make_unique<MetricsServer>(loop, "tcp://:9464", metrics);
    REQUIRE(server->start().ok());
  }
  RawClient& come() {
    peers.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:9464"));
    loop.run_until_idle();
    return *peers.back();
  }
  /// The whole answer; the connection ends with it.
  std::string ask(const std::string& request) {
    RawClient& peer = come();
    peer->send(request);
    loop.run_until_idle();
    CHECK(peer->ended());
    return peer->take_received();
  }

  ManualLoop loop;
  Metrics metrics;
  std::unique_ptr<MetricsServer> server;
  std::vector<std::unique_ptr<RawClient>> peers;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find("\r\n")); }
std::string body(const std::string& text) { return text.substr(text.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("metrics are served by HTTP", "[observability]") {
  World world;
  const std::string plain = world.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(first_line(plain) == "HTTP/1.1 200 OK");
  CHECK(plain.find("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
        std::string::npos);
  CHECK(body(plain) == world.metrics.text(messi::MetricsFormat::kPrometheus));
  CHECK(plain.find("\r\nContent-Length: " + std::to_string(body(plain).size()) + "\r\n") !=
        std::string::npos);
  const std::string open = world.ask(
      "GET /metrics?x=1 HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n");
  CHECK(open.find("application/openmetrics-text; version=1.0.0") != std::string::npos);
  CHECK(body(open) == world.metrics.text());
  const std::string head = world.ask("HEAD /metrics HTTP/1.0\r\n\r\n");
  CHECK(first_line(head) == "HTTP/1.1 200 OK");
  CHECK(body(head).empty());
}

TEST_CASE("what is no request for metrics is answered in a word", "[observability]") {
  World world;
  const auto status = [&](const std::string& request) { return first_line(world.ask(request)); };
  CHECK(status("GET / HTTP/1.1\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(status("POST /metrics HTTP/1.1\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
  CHECK(status("nonsense\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status("GET  HTTP/1.1\r\n\r\n") == "HTTP/1.1 404 Not Found");
  CHECK(status("\r\n\r\n") == "HTTP/1.1 400 Bad Request");
  CHECK(status(std::string(5'000, 'x')) == "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("a request may come in pieces, and an answer go in pieces", "[observability]") {
  World world;
  world.loop.network().faults.capacity = 100;
  RawClient& peer = world.come();
  for (const char c : std::string("GET /metrics HTTP/1.1\r\n\r\n")) {
    CHECK(peer->received().empty());
    peer->send(std::string(1, c));
    world.loop.run_until_idle();
  }
  CHECK(body(peer->received()) == world.metrics.text(messi::MetricsFormat::kPrometheus));
  CHECK(peer->ended());
}

TEST_CASE("a peer that only reads after its end gets its answer", "[observability]") {
  World world;
  world.loop.network().faults.capacity = 100;
  RawClient& peer = world.come();
  peer->stay_open();
  peer->send("GET /metrics HTTP/1.1\r\n\r\n");
  peer->finish();
  world.loop.run_until_idle();
  CHECK(body(peer->received()) == world.metrics.text(messi::MetricsFormat::kPrometheus));
}

TEST_CASE("who takes too long is dropped", "[observability]") {
  World world;
  RawClient& silent = world.come();
  RawClient& loris = world.come();
  RawClient& deaf = world.come();
  deaf->want_input(false);
  world.loop.network().faults.capacity = 100;
  deaf->send("GET /metrics HTTP/1.1\r\n\r\n");
  for (int i = 0; i < 49; ++i) {
    loris->send("x");
    world.loop.advance(100ms);
  }
  CHECK_FALSE(silent->ended());
  CHECK_FALSE(loris->ended());
  world.loop.advance(200ms);
  CHECK(silent->ended());
  CHECK(loris->ended());
  deaf->want_input(true);
  world.loop.run_until_idle();
  CHECK(deaf->ended());
  CHECK(deaf->received().size() < 1'000);
}

TEST_CASE("a crowd does not keep metrics from others", "[observability]") {
  World world;
  for (int i = 0; i < 100; ++i) world.come();
  CHECK(first_line(world.ask("GET /metrics HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200 OK");
  int open = 0;
  for (const auto& peer : world.peers) open += (*peer)->ended() ? 0 : 1;
  CHECK(open == 15);
}

TEST_CASE("who goes on talking is dropped", "[observability]") {
  World world;
  RawClient& peer = world.come();
  peer->stay_open();
  peer->send("GET /metrics HTTP/1.1\r\n\r\n");
  world.loop.run_until_idle();
  CHECK(peer->ended());
  for (int i = 0; i < 50; ++i) {
    peer->send(std::string(10'000, 'x'));
    world.loop.advance(100ms);
  }
  peer->close();
  CHECK(world.loop.network().link(1) == nullptr);  // there is no other end
}
