// Cases of test/golden, at work: what is generated for them does what the proto says.

#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "acme/chat/v1/nested.messi.h"
#include "cpp_words.messi.h"
#include "imports.messi.h"
#include "lite.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "no_package.messi.h"
#include "numbers.messi.h"
#include "same_type.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"

using messi::test::frame;
using messi::testing::ManualLoop;
using messi::testing::RawClient;

namespace {

using Log = std::vector<std::string>;

/// A client and a server of one protocol, connected.
template <typename Client, typename Server>
struct Pair {
  Pair() : server(loop, "tcp://:6000"), client(loop, "tcp://localhost:6000") {
    REQUIRE(server.start().ok());
    client.start();
    loop.run_until_idle();
    REQUIRE(client.connected());
  }

  ManualLoop loop;
  Server server;
  Client client;
};

template <typename Sender, typename Message, typename = void>
constexpr bool kCanSend = false;
template <typename Sender, typename Message>
constexpr bool
    kCanSend<Sender, Message, std::void_t<decltype(std::declval<Sender&>().send(Message()))>> =
        true;

class SameTypeServer : public same_type::SameTypeServer {
 public:
  using same_type::SameTypeServer::SameTypeServer;
  void on_say(Client& client, const same_type::Text& message) override {
    log.push_back("say " + message.text());
    client.send(message);
  }
  void on_whisper(Client& /*client*/, const same_type::Text& message) override {
    log.push_back("whisper " + message.text());
    reply(same_type::Once());
  }
  void on_once(Client& client, const same_type::Once& /*message*/) override {
    log.emplace_back("once");
    broadcast(same_type::Once(), client);
    broadcast_whisper(same_type::Once());
  }
  void on_unknown_message(Client& /*client*/, std::uint32_t field_number) override {
    log.push_back("unknown " + std::to_string(field_number));
  }

  Log log;
};

class SameTypeClient : public same_type::SameTypeClient {
 public:
  using same_type::SameTypeClient::SameTypeClient;
  void on_say(const same_type::Text& message) override { log.push_back("say " + message.text()); }
  void on_whisper(const same_type::Once& /*message*/) override { log.emplace_back("whisper"); }

  Log log;
};

same_type::Text text(std::string text) {
  same_type::Text message;
  message.set_text(std::move(text));
  return message;
}

}  // namespace

TEST_CASE("members of the same type are told apart by their names", "[plugin]") {
  Pair<SameTypeClient, SameTypeServer> pair;
  pair.client.send_say(text("hello"));
  pair.client.send_whisper(text("psst"));
  pair.client.send(same_type::Once());
  pair.loop.run_until_idle();
  CHECK(pair.server.log == Log{"say hello", "whisper psst", "once"});
  CHECK(pair.client.log == Log{"say hello", "whisper", "whisper"});
}

TEST_CASE("one hook sees every message before its own, and may drop it", "[plugin]") {
  class Server : public SameTypeServer {
   public:
    using SameTypeServer::SameTypeServer;
    bool on_any_message(Client& client, std::uint32_t field_number) override {
      log.push_back(std::to_string(client.id()) + " any " + std::to_string(field_number));
      return field_number == Receives::kSay || field_number == 100;
    }
  };
  ManualLoop loop;
  Server server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  same_type::ClientToServer say;
  *say.mutable_say() = text("a");
  same_type::ClientToServer whisper;
  *whisper.mutable_whisper() = text("b");
  const std::string a = say.SerializeAsString();
  const std::string b = whisper.SerializeAsString();
  const std::string broken = "\x0a\x02\x0a\x7f";
  const std::string unknown = "\xa2\x06\x01x";          // field 100
  const std::string dropped_unknown = "\xaa\x06\x01x";  // field 101
  for (const std::string& payload : {a, b, b + a, a + b, unknown, dropped_unknown, broken}) {
    client->send(frame(1, payload));
  }
  loop.run_until_idle();
  CHECK(server.log == Log{"1 any 1", "say a", "1 any 2", "1 any 1", "say a", "1 any 2", "1 any 100",
                          "unknown 100", "1 any 101"});
  CHECK(client->ended());
}

TEST_CASE("one hook of a client sees every message too", "[plugin]") {
  class Client : public SameTypeClient {
   public:
    using SameTypeClient::SameTypeClient;
    bool on_any_message(std::uint32_t field_number) override {
      log.emplace_back(Receives::name(field_number));
      return field_number != Receives::kWhisper;
    }
  };
  Pair<Client, SameTypeServer> pair;
  pair.client.send_say(text("hello"));
  pair.client.send_whisper(text("psst"));
  pair.client.send(same_type::Once());
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"say", "say hello", "whisper", "whisper"});
}

TEST_CASE("numbers and names of members are constants", "[plugin]") {
  using Server = same_type::SameTypeServer;
  using Client = same_type::SameTypeClient;
  static_assert(Server::Receives::kOnce == 3 && Client::Sends::kOnce == 3);
  static_assert(Server::Sends::kWhisper == 2 && Client::Receives::kWhisper == 2);
  CHECK(Server::Receives::name(Server::Receives::kOnce) == "once");
  CHECK(Client::Sends::name(1) == "say");
  CHECK(Client::Receives::name(100).empty());
  CHECK(numbers::NumbersClient::Receives::name(536870911) == "m536870911");
}

TEST_CASE("there is a send() only for types that occur once in the direction", "[plugin]") {
  CHECK_FALSE(kCanSend<same_type::SameTypeClient, same_type::Text>);
  CHECK(kCanSend<same_type::SameTypeClient, same_type::Once>);
  CHECK(kCanSend<same_type::SameTypeServer::Client, same_type::Text>);
  // Nor in the wrong direction.
  CHECK_FALSE(kCanSend<NoPackageClient, NoPackageRsp>);
  CHECK_FALSE(kCanSend<NoPackageServer::Client, NoPackageReq>);
}

TEST_CASE("any legal encoding of a message reaches the hook of its last member", "[plugin]") {
  ManualLoop loop;
  SameTypeServer server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();

  same_type::ClientToServer say;
  *say.mutable_say() = text("a");
  same_type::ClientToServer whisper;
  *whisper.mutable_whisper() = text("b");
  const std::string a = say.SerializeAsString();
  const std::string b = whisper.SerializeAsString();
  const std::string unknown = "\xa2\x06\x01x";  // field 100
  for (const std::string& payload : {a, b, a + b, b + a, unknown + a, a + unknown, unknown}) {
    client->send(frame(1, payload));
  }
  loop.run_until_idle();
  CHECK(server.log ==
        Log{"say a", "whisper b", "whisper b", "say a", "say a", "say a", "unknown 100"});
  CHECK_FALSE(client->ended());
}

TEST_CASE("members are known by their numbers, up to the largest", "[plugin]") {
  class Server : public numbers::NumbersServer {
   public:
    using NumbersServer::NumbersServer;
    void on_last(Client& client, const numbers::Message& message) override {
      client.send_m1(message);
      client.send_m15(message);
      client.send_m16(message);
      client.send_m2047(message);
      client.send_m2048(message);
      client.send_m262143(message);
      client.send_m262144(message);
      client.send_m33554431(message);
      client.send_m33554432(message);
      client.send_m536870911(message);
    }
  };
  class Client : public numbers::NumbersClient {
   public:
    using NumbersClient::NumbersClient;
    void on_m1(const numbers::Message&) override { log.push_back(1); }
    void on_m15(const numbers::Message&) override { log.push_back(15); }
    void on_m16(const numbers::Message&) override { log.push_back(16); }
    void on_m2047(const numbers::Message&) override { log.push_back(2047); }
    void on_m2048(const numbers::Message&) override { log.push_back(2048); }
    void on_m262143(const numbers::Message&) override { log.push_back(262143); }
    void on_m262144(const numbers::Message&) override { log.push_back(262144); }
    void on_m33554431(const numbers::Message&) override { log.push_back(33554431); }
    void on_m33554432(const numbers::Message&) override { log.push_back(33554432); }
    void on_m536870911(const numbers::Message&) override { log.push_back(536870911); }

    std::vector<int> log;
  };
  Pair<Client, Server> pair;
  pair.client.send(numbers::Message());
  pair.loop.run_until_idle();
  CHECK(pair.client.log ==
        std::vector<int>{1, 15, 16, 2047, 2048, 262143, 262144, 33554431, 33554432, 536870911});
}

TEST_CASE("members may have C++ keywords for names, and so may their types", "[plugin]") {
  namespace words = cpp_words::main::major;
  class Server : public words::CppWordsServer {
   public:
    using CppWordsServer::CppWordsServer;
    void on_class(Client& client, const words::class_& message) override {
      client.send_class(message);
    }
    void on_delete(Client& client, const words::new__delete& /*message*/) override {
      client.send_union(words::union_());
    }
    void on_EOF(Client& /*client*/, const words::template_& /*message*/) override {
      broadcast(words::virtual_());
    }
  };
  class Client : public words::CppWordsClient {
   public:
    using CppWordsClient::CppWordsClient;
    void on_class(const words::class_& /*message*/) override { log.emplace_back("class"); }
    void on_union(const words::union_& /*message*/) override { log.emplace_back("union"); }
    void on_typename(const words::virtual_& /*message*/) override { log.emplace_back("typename"); }

    Log log;
  };
  Pair<Client, Server> pair;
  pair.client.send(words::class_());
  pair.client.send(words::new__delete());
  pair.client.send_EOF(words::template_());
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"class", "union", "typename"});
}

TEST_CASE("members may be nested, and even be the message of the other direction", "[plugin]") {
  namespace v1 = acme::chat::v1;
  class Server : public v1::NestedServer {
   public:
    using NestedServer::NestedServer;
    void on_innermost(Client& client, const v1::Outer_Inner_Innermost& message) override {
      v1::ClientToServer echo;
      *echo.mutable_innermost() = message;
      client.send(echo);
    }
  };
  class Client : public v1::NestedClient {
   public:
    using NestedClient::NestedClient;
    void on_echo(const v1::ClientToServer& message) override { echoed = message.has_innermost(); }

    bool echoed = false;
  };
  Pair<Client, Server> pair;
  pair.client.send(v1::Outer_Inner_Innermost());
  pair.loop.run_until_idle();
  CHECK(pair.client.echoed);
}

TEST_CASE("members may come from elsewhere", "[plugin]") {
  class Server : public imports::ImportsServer {
   public:
    using ImportsServer::ImportsServer;
    void on_open_slowly(Client& client, const parts::door::Open_Slowly& /*message*/) override {
      google::protobuf::Timestamp now;
      now.set_seconds(42);
      client.send(now);
    }
    void on_hidden(Client& client, const parts::behind::Hidden& /*message*/) override {
      google::protobuf::StringValue value;
      value.set_value("found");
      client.send(value);
    }
  };
  class Client : public imports::ImportsClient {
   public:
    using ImportsClient::ImportsClient;
    void on_timestamp(const google::protobuf::Timestamp& message) override {
      log.push_back(std::to_string(message.seconds()));
    }
    void on_string(const google::protobuf::StringValue& message) override {
      log.push_back(message.value());
    }

    Log log;
  };
  Pair<Client, Server> pair;
  pair.client.send(parts::door::Open_Slowly());
  pair.client.send(parts::behind::Hidden());
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"42", "found"});
}

TEST_CASE("protocols of the lite runtime and without a package work as well", "[plugin]") {
  class LiteServer : public lite::LiteServer {
   public:
    using lite::LiteServer::LiteServer;
    void on_req(Client& client, const lite::Req& /*message*/) override { client.send(lite::Rsp()); }
  };
  class LiteClient : public lite::LiteClient {
   public:
    using lite::LiteClient::LiteClient;
    void on_rsp(const lite::Rsp& /*message*/) override { answered = true; }
    bool answered = false;
  };
  class Server : public NoPackageServer {
   public:
    using NoPackageServer::NoPackageServer;
    void on_part(Client& client, const NoPackageReq_Part& /*message*/) override {
      client.send(NoPackageRsp());
    }
  };
  class Client : public NoPackageClient {
   public:
    using NoPackageClient::NoPackageClient;
    void on_rsp(const NoPackageRsp& /*message*/) override { answered = true; }
    bool answered = false;
  };
  Pair<LiteClient, LiteServer> with_lite;
  with_lite.client.send(lite::Req());
  with_lite.loop.run_until_idle();
  CHECK(with_lite.client.answered);
  Pair<Client, Server> without_package;
  without_package.client.send(NoPackageReq::Part());
  without_package.loop.run_until_idle();
  CHECK(without_package.client.answered);
}
