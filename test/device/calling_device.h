#ifndef MESSI_TEST_DEVICE_CALLING_DEVICE_H_
#define MESSI_TEST_DEVICE_CALLING_DEVICE_H_

// Clients for devices that call and are called, and write down what comes of it.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "brief.messi.h"
#include "lasting.messi.h"
#include "test/catch.h"

namespace messi::test {

struct CallBuffers {
  char incoming[96];
  char outgoing[96];
  char kept[384];
  DeviceCall calls[4];
};

struct Brief {
  using Device = brief::BriefDevice;
  using Options = DeviceOptions;
  using EchoReq = brief::EchoReq;
  using EchoRsp = brief::EchoRsp;
  using AskReq = brief::AskReq;
  using AskRsp = brief::AskRsp;
  using Text = brief::Text;
};

struct Lasting {
  using Device = lasting::LastingDevice;
  using Options = SessionDeviceOptions;
  using EchoReq = lasting::EchoReq;
  using EchoRsp = lasting::EchoRsp;
  using AskReq = lasting::AskReq;
  using AskRsp = lasting::AskRsp;
  using Text = lasting::Text;
};

/// "1 ok hello", or "1 DEADLINE_EXCEEDED", with the text of a failure behind it.
template <typename Reply>
std::string to_text(std::uintptr_t context, const DeviceResult<Reply>& result) {
  const std::string who = std::to_string(context) + " ";
  if (result.ok()) return who + "ok " + std::string(result->text);
  const auto code = static_cast<absl::StatusCode>(result.code());
  const std::string text(result.text());
  return who + absl::StatusCodeToString(code) + (text.empty() ? "" : " " + text);
}

template <typename Kind>
class Asker : private CallBuffers, public Kind::Device {
 public:
  using Base = typename Kind::Device;

  explicit Asker(const typename Kind::Options& options = {}) : Asker(options, Kind()) {}

  std::vector<std::string> log;
  bool counts_only = false;  ///< Results are not written down.
  int results = 0;
  std::function<void(std::uintptr_t context)> on_result;
  std::function<void(const typename Kind::AskReq& request)> answer;  ///< Empty: with its text.

  std::vector<DeviceRequest> unwanted;

  std::vector<std::string> take_log() { return std::exchange(log, {}); }
  SendResult echo(std::string_view text, TimePoint deadline, std::uintptr_t context) {
    return this->call(typename Kind::EchoReq{text}, deadline, context);
  }

 private:
  Asker(const DeviceOptions& options, Brief /*kind*/)
      : Base({incoming, sizeof incoming}, {outgoing, sizeof outgoing}, {calls, 4}, options) {}
  Asker(const SessionDeviceOptions& options, Lasting /*kind*/)
      : Base({incoming, sizeof incoming}, {outgoing, sizeof outgoing}, {kept, sizeof kept},
             {calls, 4}, options) {}

  void on_echo_req_result(std::uintptr_t context,
                          const DeviceResult<typename Kind::EchoRsp>& result) override {
    ++results;
    if (!counts_only) log.push_back(to_text(context, result));
    if (on_result) on_result(context);
  }
  void on_book_seat_result(std::uintptr_t context,
                           const DeviceResult<typename Kind::Text>& result) override {
    log.push_back(to_text(context, result));
  }
  void on_echo_rsp(const typename Kind::EchoRsp& message) override {
    log.push_back("echo_rsp " + std::string(message.text));
  }
  void on_news(const typename Kind::Text& message) override {
    log.push_back("news " + std::string(message.text));
  }
  void on_ask_req(const typename Kind::AskReq& request) override {
    if (answer) return answer(request);
    CHECK(this->try_send(typename Kind::AskRsp{request.text}) == SendResult::kOk);
  }
  void on_answer_unwanted(const DeviceRequest& request) override { unwanted.push_back(request); }
  void on_disconnected(DisconnectReason reason) override {
    log.push_back("disconnected: " + std::string(to_string(reason)));
  }
};

using BriefAsker = Asker<Brief>;

class LastingAsker : public Asker<Lasting> {
 public:
  using Asker::Asker;

 private:
  void on_detached(DisconnectReason /*reason*/) override { log.emplace_back("detached"); }
  void on_resumed(std::uint64_t /*replayed*/) override { log.emplace_back("resumed"); }
  void on_session_lost(const DeviceSessionLoss& /*loss*/) override { log.emplace_back("lost"); }
};

}  // namespace messi::test

#endif  // MESSI_TEST_DEVICE_CALLING_DEVICE_H_
