// What the original's C client takes from Linux, for a board that has a serial line in place of
// TCP. Its headers <sys/epoll.h>, <sys/timerfd.h>, <sys/socket.h> and <arpa/inet.h> are this one.
#ifndef MESSI_BENCH_DEVICE_LINUX_H_
#define MESSI_BENCH_DEVICE_LINUX_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#undef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC 4
#define AF_INET 2
#define SOCK_STREAM 1
#define EPOLLIN 1
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2

struct epoll_event {
  uint32_t events;
  struct {
    int fd;
  } data;
};
struct in_addr {
  uint32_t s_addr;
};
struct sockaddr;
struct sockaddr_in {
  uint16_t sin_family;
  uint16_t sin_port;
  struct in_addr sin_addr;
};

int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event_p);
int timerfd_create(int clock, int flags);
int timerfd_settime(int fd, int flags, const struct itimerspec *to_p, struct itimerspec *old_p);
int socket(int domain, int type, int protocol);
int connect(int fd, const struct sockaddr *address_p, unsigned size);
int inet_aton(const char *text_p, struct in_addr *address_p);
static inline uint16_t htons(uint16_t number) { return number; }

#endif
