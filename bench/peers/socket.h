#ifndef MESSI_BENCH_PEERS_SOCKET_H_
#define MESSI_BENCH_PEERS_SOCKET_H_

// The few socket calls that the peers written by hand share. All TCP, all on the loopback, none of
// them delayed by Nagle.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "bench/common/options.h"

namespace bench {

inline void check(bool ok, const char* what) {
  if (!ok) fail(std::string(what) + ": " + std::strerror(errno));
}

inline void set_no_delay(int fd) {
  const int yes = 1;
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0, "TCP_NODELAY");
}

inline void set_blocking(int fd, bool blocking) {
  const int flags = fcntl(fd, F_GETFL);
  check(fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) == 0, "fcntl");
}

inline sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline int listen_on(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd != -1, "socket");
  const int yes = 1;
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0, "SO_REUSEADDR");
  sockaddr_in address = loopback(port);
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "bind");
  check(listen(fd, 4096) == 0, "listen");
  socklen_t size = sizeof(address);
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  announce_port(ntohs(address.sin_port));
  return fd;
}

inline int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd != -1, "socket");
  const sockaddr_in address = loopback(port);
  check(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "connect");
  set_no_delay(fd);
  return fd;
}

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_SOCKET_H_
