#ifndef MESSI_TEST_FAULTS_CALLS_H_
#define MESSI_TEST_FAULTS_CALLS_H_

// System calls of this whole program that fail on demand, and a clock that jumps to the next timer
// when nothing is ready. So seconds of time-outs take no time, and each call can fail in its turn.

#include <cstddef>
#include <string_view>
#include <vector>

namespace messi::test {

enum class Call {
  kSocket,
  kConnect,
  kBind,
  kListen,
  kAccept,
  kRecv,  // with readv and recvfrom
  kSend,  // with sendmsg and sendto
  kWatch,
  kMakeEpoll,
  kMakeEvent,
  kMakeTimer,
  kWait,
  kPoll,
  kSetOption,
  kGetOption,
  kOwnName,
  kPeerName,
  kShutdown,
  kOpenFile,
  kLockFile,
  kRemoveFile,
  kLookAtFile,
  kChangeMode,
  kFolder,
  kDuplicate,
  kRandom,
};

/// In place of an error number: a send or recv of one byte only.
inline constexpr int kShort = -1;

/// What a kind of call may fail with.
struct Faulty {
  Call call;
  std::string_view name;
  std::vector<int> errors;
};
const std::vector<Faulty>& all_faulty();

/// From the `first`-th call of this kind on (from 0), `times` of them fail.
struct Fault {
  Call call;
  std::size_t first;
  std::size_t times;
  int error;
};

/// The next one to fail after number `number` (from 0): each of the first, then every so manieth.
inline std::size_t after(std::size_t number, std::size_t every) {
  constexpr std::size_t kEach = 8;
  return number < kEach ? number + 1 : number + every;
}

/// How many calls of each kind there were since, and how many of them failed.
void begin_faults(const Fault& fault);
struct Counted {
  std::size_t calls;
  std::size_t failed;
};
Counted end_faults();

/// As long as it lives, nothing fails and nothing is counted: for what stands for another process.
class Exempt {
 public:
  Exempt();
  Exempt(const Exempt&) = delete;
  Exempt& operator=(const Exempt&) = delete;
  ~Exempt();
};

/// Where DNS servers are found: port 53 is another port for this program, and /etc/resolv.conf
/// another file.
void use_name_servers_of_our_own();

}  // namespace messi::test

#endif  // MESSI_TEST_FAULTS_CALLS_H_
