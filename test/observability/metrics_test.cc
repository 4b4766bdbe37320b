#include "messi/metrics.h"

#include <memory>
#include <string>

#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::Metrics;
using messi::MetricsFormat;
using messi::Statistics;
using messi::test::Client;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;

namespace {

template <typename Options>
Options counted_by(const std::shared_ptr<Statistics>& statistics) {
  Options options;
  options.statistics = statistics;
  return options;
}

bool has_line(const std::string& text, const std::string& line) {
  return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

TEST_CASE("statistics are OpenMetrics text", "[observability]") {
  ManualLoop loop;
  const auto servers = std::make_shared<Statistics>();
  const auto clients = std::make_shared<Statistics>();
  Server server(loop, "tcp://:6000", counted_by<messi::ServerOptions>(servers));
  Client client(loop, "tcp://localhost:6000", counted_by<messi::ClientOptions>(clients));
  REQUIRE(server.start().ok());
  client.start();
  loop.run_until_idle();
  client.send(message("hello"));
  loop.run_until_idle();
  client.stop();
  loop.run_until_idle();
  Metrics metrics;
  metrics.add("a \"server\"\\\n", servers);
  metrics.add("client", clients);
  const std::string text = metrics.text();
  CHECK(has_line(text, "# TYPE messi_received_frames counter"));
  CHECK(has_line(text, "# UNIT messi_sent_bytes bytes"));
  CHECK(has_line(text, R"(messi_received_frames_total{name="a \"server\"\\\n",type="message"} 1)"));
  CHECK(has_line(text, R"(messi_sent_frames_total{name="client",type="message"} 1)"));
  CHECK(has_line(text, R"(messi_connections{name="client"} 0)"));
  CHECK(has_line(text, R"(messi_disconnects_total{name="client",reason="stopped"} 1)"));
  CHECK(has_line(text, R"(messi_disconnects_total{name="client",reason="slow_reader"} 0)"));
  CHECK(text.substr(text.size() - 6) == "# EOF\n");

  const std::string older = metrics.text(MetricsFormat::kPrometheus);
  CHECK(has_line(older, "# TYPE messi_received_frames_total counter"));
  CHECK(has_line(older, R"(messi_connects_total{name="client"} 1)"));
  CHECK(older.find("EOF") == std::string::npos);
  CHECK(older.find("UNIT") == std::string::npos);
}

TEST_CASE("statistics of one name are added up", "[observability]") {
  ManualLoop loop;
  Metrics metrics;
  std::shared_ptr<Statistics> last;
  for (int i = 0; i < 3; ++i) {
    last = std::make_shared<Statistics>();
    metrics.add("all", last);
    Client client(loop, "tcp://localhost:6000", counted_by<messi::ClientOptions>(last));
    client.start();
    loop.run_until_idle();
  }
  CHECK(last->read().connect_failures == 1);
  CHECK(has_line(metrics.text(), R"(messi_connect_failures_total{name="all"} 3)"));
}

TEST_CASE("metrics of nothing are only heads", "[observability]") {
  const std::string text = Metrics().text();
  CHECK(has_line(text, "# TYPE messi_connections gauge"));
  CHECK(text.find('{') == std::string::npos);
}
