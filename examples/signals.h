#ifndef EXAMPLES_SIGNALS_H_
#define EXAMPLES_SIGNALS_H_

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <utility>

#include "messi/io/epoll_loop.h"

/// SIGINT and SIGTERM as something that the loop watches. Made before other threads are.
class Signals final : private messi::ReadyHandler {
 public:
  Signals(messi::EpollLoop& loop, std::function<void()> call)
      : loop_(loop), call_(std::move(call)) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    fd_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!loop_.add(fd_, messi::Poller::Interest::kRead, *this)) std::perror("signalfd");
  }
  ~Signals() {
    loop_.remove(fd_, *this);
    ::close(fd_);
  }

 private:
  void handle_ready(bool /*readable*/, bool /*writable*/) override {
    signalfd_siginfo signal;
    if (::read(fd_, &signal, sizeof(signal)) > 0) call_();
  }

  messi::EpollLoop& loop_;
  std::function<void()> call_;
  int fd_;
};

#endif  // EXAMPLES_SIGNALS_H_
