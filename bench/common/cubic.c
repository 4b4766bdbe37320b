// Preloaded into every program that is measured: TCP sockets use cubic. Where the system's default
// is bbr, it paces even the loopback, and everything converges to the same rate.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int with_cubic(int fd) {
  if (fd != -1) setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  return fd;
}

int socket(int domain, int type, int protocol) {
  static int (*next)(int, int, int);
  if (!next) next = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  return with_cubic(next(domain, type, protocol));  // refused, harmlessly, for what is not TCP
}

int accept(int fd, struct sockaddr* address, socklen_t* size) {
  static int (*next)(int, struct sockaddr*, socklen_t*);
  if (!next) next = (int (*)(int, struct sockaddr*, socklen_t*))dlsym(RTLD_NEXT, "accept");
  return with_cubic(next(fd, address, size));
}

int accept4(int fd, struct sockaddr* address, socklen_t* size, int flags) {
  static int (*next)(int, struct sockaddr*, socklen_t*, int);
  if (!next) next = (int (*)(int, struct sockaddr*, socklen_t*, int))dlsym(RTLD_NEXT, "accept4");
  return with_cubic(next(fd, address, size, flags));
}
