// The other side is OpenSSL's own command, which knows nothing of messi.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/io/linux/fd.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

using messi::EpollLoop;
using messi::io::Fd;
using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::from_server;
using messi::test::Identity;
using messi::test::message;
using messi::test::mutual_config_of;
using messi::test::run_until;
using messi::test::Server;

namespace {

const std::string kPing("\3\0\0\0", 4);
const std::string kPong("\4\0\0\0", 4);

/// The command, with what it prints. It is killed in the end.
class OpenSsl {
 public:
  explicit OpenSsl(std::vector<std::string> arguments) {
    int in[2];
    int out[2];
    REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
    ::fcntl(out[0], F_SETFL, O_NONBLOCK);
    in_ = Fd(in[1]);
    out_ = Fd(out[0]);
    const Fd its_in(in[0]);
    const Fd its_out(out[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, its_in.get(), 0);
    ::posix_spawn_file_actions_adddup2(&actions, its_out.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, its_out.get(), 2);
    arguments.insert(arguments.begin(), "openssl");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    REQUIRE(::posix_spawnp(&pid_, "openssl", &actions, nullptr, argv.data(), environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  OpenSsl(const OpenSsl&) = delete;
  OpenSsl& operator=(const OpenSsl&) = delete;
  ~OpenSsl() { kill(); }

  void say(const std::string& bytes) {
    CHECK(::write(in_.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  void end_input() { in_.reset(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

  /// All that it has printed so far.
  const std::string& said() {
    char bytes[4096];
    for (ssize_t size = 0; (size = ::read(out_.get(), bytes, sizeof(bytes))) > 0;) {
      said_.append(bytes, static_cast<std::size_t>(size));
    }
    return said_;
  }
  bool has_said(const std::string& text) { return said().find(text) != std::string::npos; }
  bool over() {
    said();
    if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }

 private:
  pid_t pid_ = 0;
  Fd in_;
  Fd out_;
  std::string said_;
};

/// Files that the command reads, until the end of the test.
class Files {
 public:
  Files() { REQUIRE(::mkdtemp(folder_.data()) != nullptr); }
  ~Files() {
    for (const std::string& path : paths_) ::unlink(path.c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path(const std::string& name) {
    paths_.push_back(folder_ + "/" + name);
    return paths_.back();
  }
  std::string add(const std::string& name, const std::string& text) {
    std::ofstream(path(name)) << text;
    return paths_.back();
  }

 private:
  std::string folder_ = "/tmp/messi-tls-XXXXXX";
  std::vector<std::string> paths_;
};

bool has_openssl() {
  if (std::system("openssl version > /dev/null 2>&1") == 0) return true;
  WARN("SKIPPED: there is no openssl");
  return false;
}

/// Our server, and s_client.
struct OurServer {
  explicit OurServer(const messi::tls::Config& config)
      : tls(loop, config), server(loop, "tls://127.0.0.1:0") {
    REQUIRE(server.start().ok());
    ca = files.add("ca.pem", authority_certificate(config));
  }

  static std::string authority_certificate(const messi::tls::Config& config) { return config.ca; }

  std::vector<std::string> arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> result{"s_client",
                                    "-connect",
                                    "127.0.0.1:" + std::to_string(server.port()),
                                    "-servername",
                                    "localhost",
                                    "-verify_hostname",
                                    "localhost",
                                    "-verify_return_error",
                                    "-CAfile",
                                    ca};
    result.insert(result.end(), more.begin(), more.end());
    return result;
  }
  template <typename Condition>
  bool until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop.poll(std::chrono::milliseconds(5));
    }
    return true;
  }

  EpollLoop loop;
  messi::tls::Network tls;
  Server server;
  Files files;
  std::string ca;
};

}  // namespace

TEST_CASE("OpenSSL's client talks with our server, in TLS 1.2 and 1.3", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  OurServer ours(config_of(authority));
  for (const std::string version : {"TLSv1.2", "TLSv1.3"}) {
    CAPTURE(version);
    OpenSsl client(ours.arguments({version == "TLSv1.2" ? "-tls1_2" : "-tls1_3"}));
    client.say(kPing);
    CHECK(ours.until([&] { return client.has_said(kPong); }));
    CHECK(client.has_said("Verification: OK"));
    CHECK(client.has_said(", " + version + ", Cipher is "));
    CHECK(client.has_said("Compression: NONE"));
    CHECK(ours.server.client_count() == 1);
    // An end in order, which its client answers.
    client.end_input();
    CHECK(ours.until([&] { return ours.server.client_count() == 0; }));
    CHECK(ours.until([&] { return client.over(); }));
  }
}

TEST_CASE("our server goes on when keys are changed, and never negotiates again", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  OurServer ours(config_of(authority));
  OpenSsl keys(ours.arguments({"-tls1_3"}));
  CHECK(ours.until([&] { return ours.server.client_count() == 1; }));
  keys.say("K\n");
  CHECK(ours.until([&] { return keys.has_said("KEYUPDATE"); }));
  keys.say(kPing);
  CHECK(ours.until([&] { return keys.has_said(kPong); }));

  OpenSsl again(ours.arguments({"-tls1_2"}));
  CHECK(ours.until([&] { return ours.server.client_count() == 2; }));
  CHECK(ours.until([&] { return again.has_said("Secure Renegotiation IS supported"); }));
  again.say("R\n");
  CHECK(ours.until([&] { return again.over(); }));
  CHECK(again.has_said("no renegotiation"));
  CHECK(ours.until([&] { return ours.server.client_count() == 1; }));
}

TEST_CASE("our server refuses old versions and weak ciphers, and says so", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  OurServer ours(config_of(authority));
  const auto refused = [&](const std::vector<std::string>& how) {
    const std::size_t before = ours.server.log.size();
    OpenSsl client(ours.arguments(how));
    CHECK(ours.until([&] { return client.over() && ours.server.log.size() > before; }));
    const std::string& line = ours.server.log.back();
    return line.substr(line.rfind(": ") + 2);
  };
  CHECK(refused({"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}) ==
        "the client and we have no TLS version in common; we speak 1.2 and 1.3");
  for (const char* const cipher : {"AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"}) {
    CHECK(refused({"-tls1_2", "-cipher", cipher}) ==
          "the client and we have no cipher in common (no shared cipher)");
  }
  CHECK(ours.server.client_count() == 0);
}

TEST_CASE("OpenSSL's client resumes a session with our server", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  OurServer ours(config_of(authority));
  for (const char* const version : {"-tls1_2", "-tls1_3"}) {
    const std::string session = ours.files.path("session");
    for (const bool first : {true, false}) {
      OpenSsl client(ours.arguments({version, first ? "-sess_out" : "-sess_in", session}));
      client.say(kPing);
      CHECK(ours.until([&] { return client.has_said(kPong); }));
      CHECK(client.has_said(first ? "New, TLSv1" : "Reused, TLSv1"));
      client.end_input();
      CHECK(ours.until([&] { return client.over(); }));
    }
  }
}

TEST_CASE("OpenSSL's client shows a certificate that our server demands", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  OurServer ours(mutual_config_of(authority));
  const Identity erik = authority.issue("erik", "email:erik@example.com,URI:urn:erik");
  OpenSsl client(ours.arguments({"-cert", ours.files.add("erik.pem", erik.certificate), "-key",
                                 ours.files.add("erik_key.pem", erik.key)}));
  CHECK(ours.until([&] { return ours.server.client_count() == 1; }));
  const messi::PeerCertificate* const shown = ours.server.find_client(1)->peer_certificate();
  REQUIRE(shown != nullptr);
  CHECK(shown->subject == "CN=erik");
  CHECK(shown->emails == std::vector<std::string>{"erik@example.com"});
  CHECK(shown->uris == std::vector<std::string>{"urn:erik"});

  OpenSsl bare(ours.arguments({"-tls1_2"}));
  CHECK(ours.until([&] { return bare.over() && ours.server.has("handshake failed"); }));
  CHECK(ours.server.log.back().find("the client has shown no certificate") != std::string::npos);
}

TEST_CASE("our client talks with OpenSSL's server, in TLS 1.2 and 1.3", "[tls]") {
  if (!has_openssl()) return;
  const Authority authority;
  const Identity identity = authority.issue();
  Files files;
  const std::string ca = files.add("ca.pem", authority.certificate());
  const std::string certificate = files.add("server.pem", identity.certificate);
  const std::string key = files.add("server_key.pem", identity.key);
  for (const char* const version : {"-tls1_2", "-tls1_3"}) {
    for (const bool shows : {true, false}) {
      CAPTURE(version, shows);
      OpenSsl server({"s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key,
                      "-Verify", "1", "-verify_return_error", "-CAfile", ca, version});
      EpollLoop loop;
      const auto until = [&](auto condition) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!condition() && std::chrono::steady_clock::now() < end) {
          loop.poll(std::chrono::milliseconds(5));
        }
        return condition();
      };
      REQUIRE(until([&] { return server.has_said("ACCEPT 127.0.0.1:"); }));
      const std::size_t place = server.said().find("ACCEPT 127.0.0.1:") + 17;
      REQUIRE(until([&] { return server.said().find('\n', place) != std::string::npos; }));
      const std::string port = server.said().substr(place, server.said().find('\n', place) - place);

      messi::tls::Config config = config_of(authority);
      if (!shows) {
        config.certificate.clear();
        config.key.clear();
      }
      const messi::tls::Network tls(loop, config);
      Client client(loop, "tls://localhost:" + port);
      std::string hint;
      client.then = [&](const std::string& line) {
        if (line.find("disconnected") == 0) hint = client.disconnect_hint();
        if (line != "connected" && line.find("message") != 0) client.stop_now();
      };
      client.start();
      if (shows) {
        CHECK(until([&] { return server.has_said("CIPHER is "); }));
        server.say(from_server(message("moin")));
        CHECK(until([&] { return client.has("message moin"); }));
        CHECK(client.peer_certificate()->subject == "CN=localhost");
        // It dies without a word.
        server.kill();
        CHECK(until([&] { return client.stopped(); }));
        CHECK(hint == "The connection was cut off; the server did not end it.");
      } else {
        CHECK(until([&] { return client.stopped(); }));
        const std::string why = hint.empty() ? std::string(client.last_failure.message()) : hint;
        CHECK(why.find(std::string(version) == "-tls1_2"
                           ? "found no cipher, signature or certificate in common"
                           : "demands a certificate, and we have shown none") != std::string::npos);
      }
    }
  }
}
