// A minimal client without an event loop: the client for devices, on a socket. It says that it is
// there, shows what it hears, and ends with its connection.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "chat.messi.h"

namespace {

void show(std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = ::write(STDOUT_FILENO, text.data(), text.size());
}

class Client final : public chat::ChatDevice {
 public:
  using ChatDevice::ChatDevice;

 private:
  void on_connected() override { (void)try_send(chat::ConnectReq{"erik"}); }
  void on_message_ind(const chat::MessageInd& message) override {
    show("<");
    show(message.user);
    show("> ");
    show(message.text);
    show("\n");
  }
};

char memory_for_input[4096];
char memory_for_output[4096];

messi::TimePoint now() {
  return messi::TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<std::uint16_t>(port));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof server) != 0) return -1;
  return fd;
}

// Until the next deadline, or until bytes can be read or written.
short wait(int fd, bool writes, messi::TimePoint until) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(until - now());
  pollfd socket{fd, static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0};
  ::poll(&socket, 1, static_cast<int>(std::clamp<long>(left.count(), 0, 60'000)));
  return socket.revents;
}

}  // namespace

int main(int argc, char** argv) {
  const int fd = connect_to(argc > 1 ? std::atoi(argv[1]) : 6000);
  if (fd < 0) return 1;
  Client client({memory_for_input, sizeof memory_for_input},
                {memory_for_output, sizeof memory_for_output});
  client.link_up(now());
  while (client.connected()) {
    const messi::TimePoint deadline = client.handle_time(now());
    const std::string_view waiting = client.output();
    const short ready = wait(fd, !waiting.empty(), deadline);
    if ((ready & POLLOUT) != 0) {
      const ssize_t size = ::send(fd, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size > 0) client.handle_written(static_cast<std::size_t>(size));
    }
    if ((ready & ~POLLOUT) != 0) {
      char bytes[4096];
      const ssize_t size = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
      if (size > 0) {
        client.handle_bytes({bytes, static_cast<std::size_t>(size)}, now());
      } else {
        client.link_down();
      }
    }
  }
}
