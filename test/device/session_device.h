#ifndef MESSI_TEST_DEVICE_SESSION_DEVICE_H_
#define MESSI_TEST_DEVICE_SESSION_DEVICE_H_

// A client for devices with sessions that writes down what happens.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kept.messi.h"
#include "test/catch.h"

namespace messi::test {

struct SessionBuffers {
  char incoming[120];
  char outgoing[112];
  char kept[256];
};

class SessionDevice final : private SessionBuffers, public kept::KeptDevice {
 public:
  explicit SessionDevice(const SessionDeviceOptions& options = {}, std::size_t room = 72)
      : KeptDevice({incoming, room}, {outgoing, sizeof outgoing},
                   {SessionBuffers::kept, sizeof SessionBuffers::kept}, options) {}

  std::vector<std::string> log;
  std::vector<std::string> heard;
  int welcomes = 0;
  bool stopping = false;   ///< since `stop`, until the end of a session
  bool hangs_up = false;   ///< in each hook of the connection
  bool stops = false;      ///< there, too
  bool is_strict = false;  ///< Goes to no server with another schema.

  std::vector<std::string> take_log() { return std::exchange(log, {}); }
  void stop() {
    stopping = true;
    KeptDevice::stop();
  }
  SendResult say(const std::string& text) { return try_send(::kept::MessageInd{"", text}); }

 private:
  void on_connected() override { happened("connected"); }
  void on_detached(DisconnectReason reason) override {
    CHECK(connected() != stopping);
    CHECK(detached());
    happened("detached: " + std::string(to_string(reason)));
  }
  void on_resumed(std::uint64_t replayed) override {
    CHECK(connected() != stopping);
    CHECK_FALSE(detached());
    happened("resumed " + std::to_string(replayed));
  }
  void on_session_lost(const DeviceSessionLoss& loss) override {
    CHECK(say("nobody hears it") == SendResult::kNotConnected);
    std::string line = "lost " + std::to_string(loss.first_unacked) + "-" +
                       std::to_string(loss.last_accepted) + ": " +
                       std::string(to_string(loss.reason));
    if (loss.peer_handled) line += " handled " + std::to_string(*loss.peer_handled);
    happened(line);
  }
  void on_disconnected(DisconnectReason reason) override {
    CHECK_FALSE(connected());
    CHECK_FALSE(detached());
    CHECK(unacknowledged() == 0);
    stopping = false;
    happened("disconnected: " + std::string(to_string(reason)));
  }
  bool on_schema_mismatch() override {
    happened("another schema");
    return !is_strict;
  }
  void on_connect_failure(DisconnectReason reason) override {
    happened("failed: " + std::string(to_string(reason)));
  }
  void on_connect_rsp(const ::kept::ConnectRsp& /*response*/) override { ++welcomes; }
  void on_message_ind(const ::kept::MessageInd& message) override {
    heard.emplace_back(message.text);
  }

  void happened(const std::string& what) {
    log.push_back(what);
    if (hangs_up) link_down();
    if (stops) stop();
  }
};

}  // namespace messi::test

#endif  // MESSI_TEST_DEVICE_SESSION_DEVICE_H_
