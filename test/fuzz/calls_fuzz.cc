// A client and a server that call each other over a network that is cut, with callees that answer
// at once, later, in any order, twice or not at all; and another peer of the server, which invents
// frames about requests. Each call ends once: with its own answer, or with why there is none.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "calls.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/quiet.h"
#include "test/support/bytes.h"
#include "test/support/session_bytes.h"

namespace {

using messi::Call;
using messi::CallResult;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

enum class Mode { kInOrder, kNamed, kSession };

/// The calls of one side.
struct Caller {
  struct Made {
    Call call;
    bool over = false;
  };
  std::vector<Made> calls;

  template <typename Reply>
  std::function<void(CallResult<Reply>)> handler() {
    const std::size_t number = calls.size();
    calls.emplace_back();
    return [this, number](const CallResult<Reply>& result) {
      require(!calls[number].over, "a call ends once");
      calls[number].over = true;
      if (result.ok()) {
        require(result->text() == std::to_string(number), "a call gets its own answer");
      } else {
        require(!result.status().ok(), "a call without an answer has a reason");
      }
    };
  }
};

/// How one side answers.
template <typename Reply>
struct Callee {
  std::vector<messi::Responder<Reply>> kept;

  static Reply answer(const std::string& text) {
    Reply reply;
    reply.set_text(text);
    return reply;
  }
  std::vector<std::string> texts;

  void answer_kept(std::size_t which) {
    kept[which].reply(answer(texts[which]));
    drop(which);
  }
  void drop(std::size_t which) {
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(which));
    texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(which));
  }
};

class Target {
 public:
  explicit Target(FuzzedInput& input)
      : input_(input), mode_(static_cast<Mode>(input.below(3))), server_(*this), client_(*this) {
    require(server_.start().ok(), "a server starts");
    client_.start();
  }

  void run() {
    while (!input_.empty()) step();
    finish();
  }

 private:
  class Server final : public asking::CallsServer {
   public:
    explicit Server(Target& target)
        : CallsServer(target.loop_, "tcp://:6000", options(target)), target_(target) {}

    Caller caller;
    Callee<asking::EchoRsp> callee;
    Client* last = nullptr;

   private:
    static messi::ServerOptions options(Target& target) {
      messi::ServerOptions options;
      options.handshake = target.mode_ == Mode::kNamed;
      if (target.mode_ == Mode::kSession) options.session = messi::SessionMode::kPrefer;
      options.max_open_calls = 1 + target.input_.below(50);
      return options;
    }
    void on_client_connected(Client& client) override {
      if (!target_.stranger_comes_) last = &client;
    }
    void on_client_disconnected(Client& client, messi::DisconnectReason /*reason*/) override {
      if (last == &client) last = nullptr;
    }
    void on_echo_req(Client& client, const asking::EchoReq& request) override {
      if (&client != last) return;
      target_.answer(
          callee, request.text(), [&] { return answer_later(request); },
          [&](const asking::EchoRsp& reply) { this->reply(reply); });
    }

    Target& target_;
  };

  class Client final : public asking::CallsClient {
   public:
    explicit Client(Target& target)
        : CallsClient(target.loop_, "tcp://localhost:6000", options(target)), target_(target) {}

    Caller caller;
    Callee<asking::AskRsp> callee;

   private:
    static messi::ClientOptions options(Target& target) {
      messi::ClientOptions options;
      options.handshake = target.mode_ == Mode::kNamed;
      if (target.mode_ == Mode::kSession) options.session = messi::SessionMode::kRequired;
      options.max_open_calls = 1 + target.input_.below(50);
      options.backoff.initial = 100ms;
      options.backoff.max = 1s;
      return options;
    }
    void on_ask_req(const asking::AskReq& request) override {
      target_.answer(
          callee, request.text(), [&] { return answer_later(request); },
          [&](const asking::AskRsp& reply) { this->reply(reply); });
    }

    Target& target_;
  };

  template <typename Reply, typename Later, typename Now>
  void answer(Callee<Reply>& callee, const std::string& text, Later&& later, Now&& now) {
    // Without names a callee answers all, in order.
    const bool in_order = mode_ == Mode::kInOrder;
    switch (input_.below(6)) {
      case 0:
        if (!in_order) return;
        break;
      case 1:
      case 2:
        callee.kept.push_back(later());
        callee.texts.push_back(text);
        return;
      case 3:
        if (in_order) break;
        later().fail(absl::AbortedError("no"));
        return;
      case 4:
        if (in_order) break;
        now(Callee<Reply>::answer(text));
        now(Callee<Reply>::answer("twice"));
        return;
      default:
        break;
    }
    if (in_order && !callee.kept.empty()) {
      callee.kept.push_back(later());
      callee.texts.push_back(text);
    } else {
      now(Callee<Reply>::answer(text));
    }
  }

  template <typename Reply>
  void go_on(Callee<Reply>& callee) {
    if (callee.kept.empty()) return;
    const bool in_order = mode_ == Mode::kInOrder;
    const std::size_t which = in_order ? 0 : input_.below(callee.kept.size());
    if (!in_order && input_.one_in(8)) return callee.drop(which);
    callee.answer_kept(which);
  }

  void step() {
    switch (input_.below(16)) {
      case 0:
      case 1:
      case 2:
        return call_server();
      case 3:
      case 4:
        return call_client();
      case 5:
        return cancel(client_.caller);
      case 6:
        return cancel(server_.caller);
      case 7:
        return go_on(server_.callee);
      case 8:
        return go_on(client_.callee);
      case 9:
        if (input_.one_in(4)) loop_.network().cut_all();
        return;
      case 10:
        return loop_.advance(std::chrono::milliseconds(5 * input_.below(500)));
      case 11:
        return disturb();
      case 12:
        return be_a_stranger();
      default:
        return loop_.run_until_idle();
    }
  }

  messi::Duration timeout() { return std::chrono::milliseconds(10 * input_.below(1000)); }

  void call_server() {
    asking::EchoReq request;
    request.set_text(std::to_string(client_.caller.calls.size()));
    const auto handler = client_.caller.handler<asking::EchoRsp>();
    client_.caller.calls.back().call = client_.call(request, timeout(), handler);
  }
  void call_client() {
    if (server_.last == nullptr || !server_.last->connected()) return;
    asking::AskReq request;
    request.set_text(std::to_string(server_.caller.calls.size()));
    const auto handler = server_.caller.handler<asking::AskRsp>();
    server_.caller.calls.back().call = server_.last->call(request, timeout(), handler);
  }
  void cancel(Caller& caller) {
    if (!caller.calls.empty()) caller.calls[input_.below(caller.calls.size())].call.cancel();
  }

  void disturb() {
    loop_.network().faults = {};
    switch (input_.below(8)) {
      case 0:
        loop_.network().faults.most_per_read = 1 + input_.below(40);
        return;
      case 1:
        loop_.network().faults.capacity = 1 + input_.below(500);
        return;
      case 2:
        client_.stop();
        return;
      case 3:
        client_.pause();
        return;
      case 4:
        if (server_.last != nullptr && input_.one_in(4)) server_.last->disconnect();
        return;
      default:
        client_.resume();
        client_.start();
        return;
    }
  }

  /// Another client of the server, which lies.
  void be_a_stranger() {
    RawClient stranger(loop_, "tcp://localhost:6000");
    loop_.run_until_idle();
    if (stranger.peer() == nullptr) return;
    stranger_comes_ = true;
    messi::test::RawHello hello;
    hello.no_session = true;
    hello.features = 1;
    stranger->send(hello.frame());
    asking::ClientToServer request;
    request.mutable_echo_req()->set_text("x");
    stranger->send(messi::test::frame(1, request.SerializeAsString()));
    for (std::size_t i = 0; i < 3; ++i) {
      std::string payload = messi::test::big_endian(input_.below(4), 8);
      payload += messi::test::big_endian(input_.below(5), 1);
      payload += input_.bytes(20);
      if (input_.one_in(8)) payload.resize(input_.below(payload.size() + 1));
      stranger->send(messi::test::frame(10, payload));
    }
    loop_.run_until_idle();
    stranger->close();
    loop_.run_until_idle();
    stranger_comes_ = false;
  }

  void finish() {
    loop_.network().faults = {};
    client_.resume();
    client_.start();
    loop_.advance(200s);
    client_.stop();
    server_.stop();
    loop_.advance(100s);
    require(client_.stopped() && server_.stopped(), "what is to stop stops");
    for (const Caller* const caller : {&client_.caller, &server_.caller}) {
      for (const Caller::Made& made : caller->calls) require(made.over, "a call ends");
    }
  }

  FuzzedInput& input_;
  const Mode mode_;
  bool stranger_comes_ = false;
  ManualLoop loop_;
  Server server_;
  Client client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  FuzzedInput input(data, size);
  Target(input).run();
  return 0;
}
