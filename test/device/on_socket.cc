// usage: messi_device_on_socket <port> <calls>
// A device with a session and calls on a socket, which makes a connection whenever it has none. It
// makes so many calls, some at a time, and answers those of its server, until it hears that it is
// done. Then it ends its session, says what it has done, and ends with status 0, if each call was
// answered once.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "lasting.messi.h"

namespace {

using namespace std::chrono_literals;

messi::TimePoint now() {
  return messi::TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

[[noreturn]] void give_up(const std::string& why) {
  std::cerr << why << std::endl;
  std::exit(1);
}

class Device final : public lasting::LastingDevice {
 public:
  Device(messi::Space input, messi::Space output, messi::Space kept, messi::CallSpace calls,
         std::uintptr_t most)
      : LastingDevice(input, output, kept, calls), most_(most) {}

  /// As many calls as there is room for.
  void ask() {
    while (asked_ < most_) {
      const std::string text = std::to_string(asked_ + 1);
      if (call(lasting::EchoReq{text}, now() + 60s, asked_ + 1) != messi::SendResult::kOk) return;
      ++asked_;
    }
  }
  bool done() const { return done_; }
  std::string result() const {
    return std::to_string(answered_) + " answered, " + std::to_string(heard_) + " heard";
  }

 private:
  void on_echo_req_result(std::uintptr_t context,
                          const messi::DeviceResult<lasting::EchoRsp>& result) override {
    if (!result.ok()) give_up("call " + std::to_string(context) + " has failed");
    if (context != answered_ + 1 || result->text != std::to_string(context)) {
      give_up("call " + std::to_string(context) + " was answered by " + std::string(result->text));
    }
    ++answered_;
  }
  // The memory for what is kept has room for the answers.
  void on_ask_req(const lasting::AskReq& request) override {
    if (try_send(lasting::AskRsp{request.text}) != messi::SendResult::kOk) give_up("no room");
    ++heard_;
  }
  void on_news(const lasting::Text& /*message*/) override { stop(); }
  void on_disconnected(messi::DisconnectReason reason) override {
    if (reason != messi::DisconnectReason::kStopped) give_up(std::string(to_string(reason)));
    done_ = true;
  }
  void on_echo_rsp(const lasting::EchoRsp& message) override {
    give_up("nobody waits for " + std::string(message.text));
  }
  void on_session_lost(const messi::DeviceSessionLoss& loss) override {
    give_up("lost: " + std::string(to_string(loss.reason)));
  }

  const std::uintptr_t most_;
  std::uintptr_t asked_ = 0;
  std::uintptr_t answered_ = 0;
  int heard_ = 0;
  bool done_ = false;
};

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(port));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) {
    give_up("nobody listens");
  }
  return fd;
}

/// Until the device's next deadline, or until bytes can be read or written.
short wait(int fd, bool writes, messi::TimePoint until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
  pollfd socket{fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0};
  ::poll(&socket, 1, static_cast<int>(std::clamp<long long>(left.count(), 0, 60'000)));
  return socket.revents;
}

/// Until the connection has ended, or all is done.
void serve(Device& device, int fd) {
  device.link_up(now());
  while (device.linked()) {
    device.ask();
    const messi::TimePoint deadline = device.handle_time(now());
    const std::string_view waiting = device.output();
    const short ready = wait(fd, !waiting.empty(), deadline);
    if ((ready & POLLOUT) != 0) {
      const ssize_t size = ::send(fd, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size > 0) device.handle_written(static_cast<std::size_t>(size));
    }
    if ((ready & ~POLLOUT) != 0) {
      char bytes[512];
      const ssize_t size = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size > 0) {
        device.handle_bytes({bytes, static_cast<std::size_t>(size)}, now());
      } else {
        device.link_down();
      }
    }
  }
}

char memory_for_input[96];
char memory_for_output[64];
char memory_for_kept[2048];
messi::DeviceCall memory_for_calls[4];

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) give_up("usage: messi_device_on_socket <port> <calls>");
  Device device({memory_for_input, sizeof memory_for_input},
                {memory_for_output, sizeof memory_for_output},
                {memory_for_kept, sizeof memory_for_kept}, {memory_for_calls, 4},
                static_cast<std::uintptr_t>(std::atoi(argv[2])));
  int connections = 0;
  while (!device.done()) {
    if (++connections > 1000) give_up("so many connections, and not done");
    const int fd = connect_to(std::atoi(argv[1]));
    serve(device, fd);
    ::close(fd);
  }
  std::cout << device.result() << ", " << connections << " connections" << std::endl;
}
