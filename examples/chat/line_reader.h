#ifndef EXAMPLES_CHAT_LINE_READER_H_
#define EXAMPLES_CHAT_LINE_READER_H_

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "messi/io/epoll_loop.h"

/// Reads lines of text from a terminal, pipe or file, on the loop.
class LineReader final : private messi::ReadyHandler {
 public:
  /// `on_line` gets each line, without its end; `on_end` is called once nothing more will come.
  LineReader(messi::EpollLoop& loop, int fd, std::function<void(const std::string&)> on_line,
             std::function<void()> on_end)
      : loop_(loop),
        fd_(fd),
        on_line_(std::move(on_line)),
        on_end_(std::move(on_end)),
        read_file_(loop, [this] { read(); }) {}
  ~LineReader() { pause(); }

  /// Starts reading lines. At first the reader is paused.
  void resume() {
    if (reading_ || ended_) return;
    reading_ = true;
    watched_ = loop_.add(fd_, messi::Poller::Interest::kRead, *this);
    if (!watched_) read_file_.schedule();
  }

  /// Stops reading until `resume`. Input waits where it is.
  void pause() {
    if (watched_) loop_.remove(fd_, *this);
    read_file_.cancel();
    reading_ = watched_ = false;
  }

  bool ended() const { return ended_; }

 private:
  // Longer lines come in pieces.
  static constexpr std::size_t kLongestLine = 64 * 1024;

  void handle_ready(bool /*readable*/, bool /*writable*/) override { read(); }

  void read() {
    std::array<char, 4096> bytes;
    const ssize_t size = ::read(fd_, bytes.data(), bytes.size());
    if (size > 0) {
      text_.append(bytes.data(), static_cast<std::size_t>(size));
      hand_out_lines();
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
      end();
    }
    // epoll refuses regular files, which can always be read.
    if (reading_ && !watched_) read_file_.schedule();
  }

  void hand_out_lines() {
    std::size_t begin = 0;
    std::size_t end = 0;
    while ((end = text_.find('\n', begin)) != std::string::npos) {
      on_line_(text_.substr(begin, end - begin));
      begin = end + 1;
    }
    text_.erase(0, begin);
    if (text_.size() > kLongestLine) on_line_(std::exchange(text_, ""));
  }

  void end() {
    pause();
    ended_ = true;
    if (!text_.empty()) on_line_(std::exchange(text_, ""));
    on_end_();
  }

  messi::EpollLoop& loop_;
  const int fd_;
  const std::function<void(const std::string&)> on_line_;
  const std::function<void()> on_end_;
  messi::Task read_file_;
  bool reading_ = false;
  bool watched_ = false;
  bool ended_ = false;
  std::string text_;  // the beginning of the next line
};

#endif  // EXAMPLES_CHAT_LINE_READER_H_
