#ifndef MESSI_TEST_IO_DNS_SERVER_H_
#define MESSI_TEST_IO_DNS_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/io/linux/fd.h"

namespace messi::test {

/// The name server of a network of its own, at port 53 of one of its addresses. It knows what it is
/// told, says nothing to the rest, or that there is no such name.
class DnsServer final : private ReadyHandler {
 public:
  explicit DnsServer(EpollLoop& loop, const char* address = "127.0.0.1")
      : loop_(loop), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(53);
    ::inet_pton(AF_INET, address, &at.sin_addr);
    if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)) != 0) std::abort();
    loop_.add(fd_.get(), Poller::Interest::kRead, *this);
  }
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;
  ~DnsServer() { loop_.remove(fd_.get(), *this); }

  std::map<std::string, std::vector<std::string>> a;     // addresses of names
  std::map<std::string, std::vector<std::string>> aaaa;  // none: there are none of this family
  bool answers_unknown = false;  // that there is no such name; by default it is silent
  std::size_t questions = 0;

 private:
  static constexpr int kA = 1;
  static constexpr int kAaaa = 28;

  void handle_ready(bool /*readable*/, bool /*writable*/) override {
    char bytes[1500];
    sockaddr_in from{};
    socklen_t size = sizeof(from);
    auto* const peer = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(fd_.get(), bytes, sizeof(bytes), 0, peer, &size);
    if (got < 17) return;
    ++questions;
    const std::string answer = answer_to({bytes, static_cast<std::size_t>(got)});
    if (!answer.empty()) ::sendto(fd_.get(), answer.data(), answer.size(), 0, peer, size);
  }

  std::string answer_to(const std::string& query) const {
    std::string name;
    std::size_t at = 12;
    while (query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      name += query.substr(at + 1, length);
      at += length + 1;
    }
    const int type = query[at + 2];
    const std::string question = query.substr(12, at + 5 - 12);
    const auto& table = type == kA ? a : aaaa;
    const auto found = table.find(name);
    if (found == table.end()) {
      return answers_unknown ? header(query, 3, 0) + question : "";
    }
    std::string answer = header(query, 0, found->second.size()) + question;
    for (const std::string& text : found->second) {
      char address[16];
      const std::size_t size = type == kA ? 4 : 16;
      ::inet_pton(type == kA ? AF_INET : AF_INET6, text.c_str(), address);
      answer += std::string("\xc0\x0c\0", 3) + static_cast<char>(type);
      answer += std::string("\0\1\0\0\0\0\0", 7) + static_cast<char>(size);
      answer.append(address, size);
    }
    return answer;
  }

  static std::string header(const std::string& query, int code, std::size_t answers) {
    std::string result = query.substr(0, 2) + "\x85";  // an answer, with authority
    result += static_cast<char>(0x80 | code);
    result += std::string("\0\1\0", 3) + static_cast<char>(answers);
    return result + std::string(4, '\0');
  }

  EpollLoop& loop_;
  io::Fd fd_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_IO_DNS_SERVER_H_
