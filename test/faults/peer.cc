// usage: messi_faults_peer server URI LEDGER [options]
//        messi_faults_peer client URI LEDGER [options]
//        messi_faults_peer herd URI CLIENTS
//
//   --size BYTES    of the text of a message
//   --rate N        messages a second in each direction; 0: as many as are read
//   --first N       messages at the beginning of each connection; with --rate -1 there are no
//   others
//   --narrow        little waits on the way, for networks that are slow
//   --echo          the client measures how long an answer takes, and says it at the end
//
// One end of the tests with two processes; peer.py is the same in Python. Every message has the
// number of its connection, its own number, and a checksum. What is sent and received is noted in
// the ledger, a file in memory that survives this process. SIGTERM ends it in order.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

using namespace std::chrono_literals;

struct Options {
  std::size_t size = 64;
  int rate = 200;
  std::size_t first = 0;
  bool narrow = false;
  bool echo = false;

  std::size_t much() const { return narrow ? 8 * 1024 : 256 * 1024; }
  messi::SocketOptions socket() const {
    messi::SocketOptions socket;
    if (narrow) socket.send_buffer = socket.receive_buffer = 4 * 1024;
    return socket;
  }
};

/// One connection, as this end has seen it. Also in peer.py and ledger.py.
struct Entry {
  std::uint64_t session;
  std::uint64_t sent;
  std::uint64_t received;
  std::uint64_t duplicated;
  std::uint64_t skipped;
  std::uint64_t changed;
  std::uint64_t reason;  // of the end, plus one; 0: there was none
  std::uint64_t unused;
};

class Ledger {
 public:
  static constexpr std::size_t kEntries = std::size_t{1} << 17;

  explicit Ledger(const char* path) {
    constexpr std::size_t kSize = kEntries * sizeof(Entry);
    const int fd = ::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, kSize) != 0) std::abort();
    entries_ =
        static_cast<Entry*>(::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    if (entries_ == MAP_FAILED) std::abort();
    ::close(fd);
  }

  Entry& begin(std::uint64_t session) {
    if (count_ == kEntries) std::abort();
    Entry& entry = entries_[count_++];
    entry.session = session;
    return entry;
  }

 private:
  Entry* entries_;
  std::size_t count_ = 0;
};

std::uint32_t crc32(std::string_view text) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < made.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * 0xedb88320u);
      made[i] = value;
    }
    return made;
  }();
  std::uint32_t result = ~0u;
  for (const char byte : text) {
    result = table[(result ^ static_cast<unsigned char>(byte)) & 0xff] ^ (result >> 8);
  }
  return ~result;
}

/// "<checksum> <session> <number> <filler>"
chat::MessageInd make_message(std::uint64_t session, std::uint64_t number, std::size_t size) {
  std::string text = std::to_string(session) + ' ' + std::to_string(number) + ' ';
  if (text.size() < size) text.append(size - text.size(), static_cast<char>('a' + number % 26));
  chat::MessageInd message;
  message.set_text(std::to_string(crc32(text)) + ' ' + text);
  return message;
}

void note_received(Entry& entry, const std::string& text) {
  char* end = nullptr;
  const std::uint64_t checksum = std::strtoull(text.c_str(), &end, 10);
  const char* const rest = end + 1;
  const std::uint64_t session = std::strtoull(rest, &end, 10);
  const std::uint64_t number = std::strtoull(end, &end, 10);
  if (checksum != crc32(rest) || session != entry.session) {
    ++entry.changed;
  } else if (number < entry.received) {
    ++entry.duplicated;
  } else {
    entry.skipped += number - entry.received;
    entry.received = number + 1;
  }
}

std::uint64_t code_of(messi::DisconnectReason reason) {
  return static_cast<std::uint64_t>(reason) + 1;
}

/// How many messages are due since `begin`.
std::uint64_t due(const Options& options, messi::TimePoint begin, messi::TimePoint now) {
  if (options.rate == 0) return UINT64_MAX;
  if (options.rate < 0) return options.first;
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin).count();
  return options.first + static_cast<std::uint64_t>(passed * options.rate / 1'000);
}

/// Sends what is due; returns at once if much is waiting.
template <typename To>
void send_due(To& to, Entry& entry, const Options& options, messi::TimePoint begin,
              messi::TimePoint now) {
  constexpr int kMostAtOnce = 500;
  const std::uint64_t until = due(options, begin, now);
  for (int i = 0; i < kMostAtOnce && entry.sent < until && to.connected(); ++i) {
    if (to.pending_bytes() > options.much()) return;
    ++entry.sent;  // first: this process may be killed in between
    to.send(make_message(entry.session, entry.sent - 1, options.size));
  }
}

// A busy machine may take long to pass on what was sent, and all of it counts.
constexpr auto kLinger = 20s;

messi::BackoffSettings short_backoff() {
  messi::BackoffSettings backoff;
  backoff.initial = backoff.quick = 5ms;
  backoff.max = 200ms;
  return backoff;
}

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

constexpr const char* kEcho = "echo";

class Client : public chat::ChatClient {
 public:
  Client(messi::EventLoop& loop, const char* uri, const char* ledger, const Options& options)
      : ChatClient(loop, uri, client_options(options)),
        options_(options),
        ledger_(ledger),
        next_session_((static_cast<std::uint64_t>(::getpid()) << 24) + 1),
        tick_(loop, [this] { tick(); }) {
    tick_.set(loop.now());
  }
  ~Client() {
    if (!options_.echo || times_.empty()) return;
    std::sort(times_.begin(), times_.end());
    const auto at = [&](double part) {
      return times_[static_cast<std::size_t>(static_cast<double>(times_.size() - 1) * part)];
    };
    say("echoes " + std::to_string(times_.size()) + " of " + std::to_string(echoes_) + " p50 " +
        std::to_string(at(0.5)) + " p99 " + std::to_string(at(0.99)) + " max " +
        std::to_string(at(1)));
  }

  void on_connected() override {
    entry_ = &ledger_.begin(next_session_++);
    begin_ = loop().now();
    chat::ConnectReq message;
    message.set_user(std::to_string(entry_->session));
    send(message);
    say("connected " + std::to_string(entry_->session));
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    entry_->reason = code_of(reason);
    say("disconnected: " + std::string(to_string(reason)));
    lost_ = echoes_ - times_.size();
    if (ending_) stop();
  }
  void on_message_ind(const chat::MessageInd& message) override {
    if (message.user() != kEcho) return note_received(*entry_, message.text());
    const auto sent = std::stoll(message.text());
    times_.push_back(microseconds() - sent);
    if (ending_ && all_answered()) stop();
  }

  /// Stops when all that was asked is answered.
  void end() {
    ending_ = true;
    if (!connected() || all_answered()) stop();
  }

 private:
  static messi::ClientOptions client_options(const Options& options) {
    messi::ClientOptions result;
    result.backoff = short_backoff();
    result.linger = kLinger;
    result.socket = options.socket();
    return result;
  }
  static long long microseconds() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  bool all_answered() const { return times_.size() + lost_ == echoes_; }
  void tick() {
    tick_.set(loop().now() + (options_.rate == 0 ? 1ms : 2ms));
    if (!connected() || ending_) return;
    if (!options_.echo) return send_due(*this, *entry_, options_, begin_, loop().now());
    chat::MessageInd message;
    message.set_user(kEcho);
    message.set_text(std::to_string(microseconds()));
    send(message);
    ++echoes_;
  }

  const Options options_;
  Ledger ledger_;
  std::uint64_t next_session_;
  messi::Timer tick_;
  Entry* entry_ = nullptr;
  messi::TimePoint begin_;
  std::vector<long long> times_;
  std::size_t echoes_ = 0;
  std::size_t lost_ = 0;  // with a connection
  bool ending_ = false;
};

class Server : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, const char* uri, const char* ledger, const Options& options)
      : ChatServer(loop, uri, server_options(options)),
        options_(options),
        ledger_(ledger),
        tick_(loop, [this] { tick(); }) {
    tick_.set(loop.now());
  }

  struct Peer {
    Entry* entry = nullptr;
    messi::TimePoint begin;
  };

  void on_connect_req(Client& client, const chat::ConnectReq& message) override {
    Peer& peer = client.state<Peer>();
    peer.entry = &ledger_.begin(std::stoull(message.user()));
    peer.begin = loop().now();
    say("known");
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    if (message.user() == kEcho) return client.send(message);
    note_received(*client.state<Peer>().entry, message.text());
  }
  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    if (client.state<Peer>().entry == nullptr) return;
    client.state<Peer>().entry->reason = code_of(reason);
    say("gone: " + std::string(to_string(reason)));
  }

 private:
  static messi::ServerOptions server_options(const Options& options) {
    messi::ServerOptions result;
    result.max_clients = 20'000;
    result.socket = options.socket();
    return result;
  }
  void tick() {
    tick_.set(loop().now() + (options_.rate == 0 ? 1ms : 2ms));
    for (Client& client : clients()) {
      const Peer& peer = client.state<Peer>();
      if (peer.entry != nullptr) send_due(client, *peer.entry, options_, peer.begin, loop().now());
    }
  }

  const Options options_;
  Ledger ledger_;
  messi::Timer tick_;
};

/// Many clients that only want to be connected.
class Herd {
 public:
  Herd(messi::EventLoop& loop, const char* uri, std::size_t count)
      : loop_(loop), tick_(loop, [this] { tick(); }) {
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(std::make_unique<Member>(*this, uri));
      members_.back()->start();
    }
    tick_.set(loop.now());
  }

 private:
  struct Member : chat::ChatClient {
    Member(Herd& its_herd, const char* uri) : ChatClient(its_herd.loop_, uri), herd(its_herd) {}
    void on_connected() override { ++herd.connected_; }
    void on_disconnected(messi::DisconnectReason /*reason*/) override { --herd.connected_; }
    Herd& herd;
  };

  void tick() {
    tick_.set(loop_.now() + 20ms);
    if (connected_ == told_) return;
    told_ = connected_;
    say("herd " + std::to_string(told_));
  }

  messi::EventLoop& loop_;
  messi::Timer tick_;
  std::vector<std::unique_ptr<Member>> members_;
  std::size_t connected_ = 0;
  std::size_t told_ = 0;
};

/// Calls `call` at SIGTERM.
class OnTerm final : private messi::ReadyHandler {
 public:
  OnTerm(messi::EpollLoop& loop, std::function<void()> call) : loop_(loop), call_(std::move(call)) {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    fd_ = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    loop_.add(fd_, messi::Poller::Interest::kRead, *this);
  }
  OnTerm(const OnTerm&) = delete;
  OnTerm& operator=(const OnTerm&) = delete;
  ~OnTerm() {
    loop_.remove(fd_, *this);
    ::close(fd_);
  }

 private:
  void handle_ready(bool /*readable*/, bool /*writable*/) override {
    signalfd_siginfo information;
    if (::read(fd_, &information, sizeof(information)) > 0) call_();
  }

  messi::EpollLoop& loop_;
  std::function<void()> call_;
  int fd_ = -1;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 4; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--echo") {
      options.echo = true;
    } else if (word == "--narrow") {
      options.narrow = true;
    } else if (i + 1 < argc) {
      const int value = std::atoi(argv[++i]);
      if (word == "--size") options.size = static_cast<std::size_t>(value);
      if (word == "--rate") options.rate = value;
      if (word == "--first") options.first = static_cast<std::size_t>(value);
    }
  }
  return options;
}

void allow_many_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const std::string_view role = argv[1];
  const Options options = parse(argc, argv);
  if (std::getenv("MESSI_FAULTS_FEW_DESCRIPTORS") == nullptr) allow_many_descriptors();
  messi::EpollLoop loop;
  if (role == "herd") {
    const Herd herd(loop, argv[2], std::strtoul(argv[3], nullptr, 10));
    loop.run();
  } else if (role == "client") {
    Client client(loop, argv[2], argv[3], options);
    const OnTerm on_term(loop, [&] { client.end(); });
    client.start();
    loop.run_until([&] { return client.stopped(); });
  } else {
    Server server(loop, argv[2], argv[3], options);
    const OnTerm on_term(loop, [&] { server.stop(); });
    if (const absl::Status status = server.start(); !status.ok()) {
      say(status.ToString());
      return 1;
    }
    say("listening " + server.uri());
    loop.run_until([&] { return server.stopped(); });
  }
  return 0;
}
