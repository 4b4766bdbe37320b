#include "test/support/own_network.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>

#include "messi/io/linux/fd.h"

namespace messi::test {

namespace {

constexpr const char* kNotPossible = "not possible";

bool enter() {
  const auto uid = std::to_string(::getuid());
  const auto gid = std::to_string(::getgid());
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) return false;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", "0 " + uid + " 1");
    write_file("/proc/self/gid_map", "0 " + gid + " 1");
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  ifreq loopback{};
  std::snprintf(loopback.ifr_name, sizeof(loopback.ifr_name), "lo");
  loopback.ifr_flags = IFF_UP;
  const io::Fd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &loopback) == 0;
}

[[noreturn]] void be_child(const std::function<std::string()>& body, const io::Fd& report) {
  const io::Fd far(::fcntl(report.get(), F_DUPFD_CLOEXEC, 900));  // not in the way of `body`
  std::string wrong;
  try {
    wrong = body();
  } catch (const std::exception& error) {
    wrong = error.what();
  }
  const bool told = ::write(far.get(), wrong.data(), wrong.size()) >= 0;
  ::_exit(told ? 0 : 1);
}

}  // namespace

std::string in_child(const std::function<std::string()>& body) {
  int pipe[2];
  if (::pipe(pipe) != 0) std::abort();
  const io::Fd answer(pipe[0]);
  io::Fd report(pipe[1]);
  const pid_t child = ::fork();
  if (child < 0) std::abort();
  if (child == 0) be_child(body, report);
  report.reset();

  std::string wrong;
  char bytes[4096];
  for (ssize_t size; (size = ::read(answer.get(), bytes, sizeof(bytes))) > 0;) {
    wrong.append(bytes, static_cast<std::size_t>(size));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (wrong.empty() && status != 0) return "the child ended with status " + std::to_string(status);
  return wrong;
}

std::optional<std::string> in_own_network(const std::function<std::string()>& body) {
  const std::string wrong = in_child([&] { return enter() ? body() : kNotPossible; });
  if (wrong != kNotPossible) return wrong;
  std::puts("SKIPPED: this user may not have a network of its own; root may");
  return std::nullopt;
}

void replace_file(const std::string& path, const std::string& text) {
  std::string replacement = "/tmp/messi-test-XXXXXX";
  const io::Fd fd(::mkstemp(replacement.data()));
  write_file(replacement, text);
  ::umount2(path.c_str(), MNT_DETACH);  // what was put there before
  const bool mounted = ::mount(replacement.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) == 0;
  ::unlink(replacement.c_str());
  if (!mounted) throw std::runtime_error("cannot replace " + path);
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error("cannot write " + path);
}

}  // namespace messi::test
