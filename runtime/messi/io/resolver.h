#ifndef MESSI_IO_RESOLVER_H_
#define MESSI_IO_RESOLVER_H_

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "messi/io/event_loop.h"
#include "messi/io/socket_address.h"

namespace messi {

/// The addresses of one host, asked for without blocking the loop: the system's resolver knows no
/// other way than a thread. Destroying the object gives the question up; its thread then ends by
/// itself, whenever the system's resolver returns.
class Resolver {
 public:
  /// In `error` is what went wrong, or "".
  using Done = std::function<void(std::vector<SocketAddress> addresses, std::string error)>;

  /// `done` is called in a later turn of `loop`, on its thread; destroying the resolver in it is
  /// fine.
  Resolver(EventLoop& loop, std::string host, std::uint16_t port, Done done)
      : question_(std::make_shared<Question>()) {
    question_->loop = &loop;
    question_->done = std::move(done);
    std::thread(ask, question_, std::move(host), port).detach();
  }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver() {
    const std::lock_guard<std::mutex> lock(question_->mutex);
    question_->loop = nullptr;
  }

  /// The address, if `host` is one and not a name; blocks for nothing.
  static std::vector<SocketAddress> parse(const std::string& host, std::uint16_t port) {
    std::string error;
    return look_up(host, port, AI_NUMERICHOST, error);
  }

 private:
  struct Question {
    std::mutex mutex;
    EventLoop* loop;  // null once nobody waits for the answer
    Done done;        // loop's thread only
  };

  static void ask(const std::shared_ptr<Question>& question, const std::string& host,
                  std::uint16_t port) {
    std::string error;
    // Not AI_ADDRCONFIG: it hides ::1 on a machine whose network is IPv4 only.
    std::vector<SocketAddress> addresses = look_up(host, port, 0, error);
    const std::lock_guard<std::mutex> lock(question->mutex);
    if (question->loop == nullptr) return;
    question->loop->post(
        [question, addresses = std::move(addresses), error = std::move(error)]() mutable {
          if (question->loop == nullptr) return;  // given up between post and call: same thread
          question->done(std::move(addresses), std::move(error));
        });
  }

  static std::vector<SocketAddress> look_up(const std::string& host, std::uint16_t port, int flags,
                                            std::string& error) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int result = ::getaddrinfo(host.empty() ? nullptr : host.c_str(),
                                     std::to_string(port).c_str(), &hints, &found);
    if (result != 0) {
      error = ::gai_strerror(result);
      return {};
    }
    std::vector<SocketAddress> addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
      addresses.emplace_back(info->ai_addr, info->ai_addrlen);
    }
    ::freeaddrinfo(found);
    return addresses;
  }

  std::shared_ptr<Question> question_;
};

}  // namespace messi

#endif  // MESSI_IO_RESOLVER_H_
