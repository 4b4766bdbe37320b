#ifndef MESSI_TESTING_HISTORY_H_
#define MESSI_TESTING_HISTORY_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <ios>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/time.h"

namespace messi::testing {

/// Writes down what a program sends and receives, and what it is told of its sessions.
/// `check_history` reads the logs of both sides and says whether each message has arrived once and
/// in order, or what is wrong first. doc/sessions.md has the format. Call each function in the hook
/// that it is named after.
///
/// A `key` tells the clients of one log apart: a server has the client's `id()`, and a program with
/// one client may use 0. One thread at a time.
class History {
 public:
  enum class Side { kClient, kServer };

  /// Writes to a file, which it empties first. At most so many messages of one direction share a
  /// line: with 1, what is wrong is told to the message; with more, the log of millions is small.
  History(const std::string& path, Side side, std::uint64_t messages_per_line = 1)
      : file_(path), messages_per_line_(messages_per_line) {
    file_ << "messi-history 1 " << (side == Side::kClient ? "client" : "server") << ' ' << clock()
          << '\n';
  }
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History() {
    for (auto& [key, client] : clients_) write_runs(key, client);
    begin_line(now()) << "end\n";
  }

  /// False if the file cannot be written.
  bool good() const { return file_.good(); }

  void connected(std::uint64_t key) { write_event(key, "connected"); }

  /// What both sides call the session, such as the user and a number that the client counts; a
  /// message tells the server. Needed if there is more than one session. A word without blanks.
  void named(std::uint64_t key, std::string_view name) { write_event(key, "named", name); }

  /// A message is about to be sent. Its content is what both sides can tell of it, such as its
  /// text. Not after the message is sent: it may arrive from then on.
  void sending(std::uint64_t key, std::string_view content) {
    write_full_run();
    Run& run = clients_[key].accepted;
    before_ = run;
    if (run.empty()) run.time = now();
    run.add(content);
    if (run.size() >= messages_per_line_) full_ = key;
  }

  /// It was not accepted. Directly after `sending`.
  void not_sent(std::uint64_t key) {
    clients_[key].accepted = before_;
    full_.reset();
  }

  void dispatched(std::uint64_t key, std::string_view content) {
    write_full_run();
    Run& run = clients_[key].dispatched;
    run.add(content);
    run.time = now();
    if (run.size() >= messages_per_line_) write_run(key, "dispatched", run);
  }

  /// What `unacknowledged()` says, as often as you like. After the last session it tells how many
  /// messages were accepted for another one.
  void unacknowledged(std::uint64_t key, std::uint64_t count) {
    write_full_run();
    Client& client = clients_[key];
    const std::uint64_t acknowledged = client.accepted.last - count;
    if (std::exchange(client.acknowledged, acknowledged) == acknowledged) return;
    begin_line(now()) << key << " acknowledged " << acknowledged << '\n';
  }

  void detached(std::uint64_t key, std::string_view why = {}) { write_event(key, "detached", why); }
  void resumed(std::uint64_t key, std::uint64_t replayed) {
    write_event(key, "resumed", std::to_string(replayed));
  }
  /// With the numbers of SessionLoss.
  void lost(std::uint64_t key, std::uint64_t first_unacked, std::uint64_t last_accepted,
            std::optional<std::uint64_t> peer_handled, std::string_view why = {}) {
    write_event(key, "lost",
                std::to_string(first_unacked) + ' ' + std::to_string(last_accepted) + ' ' +
                    (peer_handled ? std::to_string(*peer_handled) : "-") + ' ' + std::string(why));
  }
  void disconnected(std::uint64_t key, std::string_view why = {}) {
    write_event(key, "disconnected", why);
    clients_[key].acknowledged.reset();
  }

 private:
  // Consecutive messages of one direction that are not written yet.
  struct Run {
    bool empty() const { return first > last; }
    std::uint64_t size() const { return last + 1 - first; }
    void add(std::string_view content) {
      ++last;
      hash = hash * kFactor + (std::uint64_t{content.size()} << 32 | crc32(content));
    }
    void begin_next() {
      first = last + 1;
      hash = 0;
    }

    std::uint64_t first = 1;
    std::uint64_t last = 0;
    std::uint64_t hash = 0;
    TimePoint time;  // of the first if they are sent, else of the last: none is later, or earlier
  };
  struct Client {
    Run accepted;
    Run dispatched;
    std::optional<std::uint64_t> acknowledged;
  };

  // Hashes of runs can be joined: that of both is a's times the factor for each message of b, plus
  // b's. Also in history.py.
  static constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c55;

  static TimePoint now() { return std::chrono::steady_clock::now(); }

  // Times of logs with the same clock can be compared.
  static std::string clock() {
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    return boot.empty() ? "-" : boot;
  }

  static std::uint32_t crc32(std::string_view text) {
    static const std::array<std::uint32_t, 256> table = [] {
      std::array<std::uint32_t, 256> made{};
      for (std::uint32_t i = 0; i < made.size(); ++i) {
        std::uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) * 0xedb88320U);
        made[i] = value;
      }
      return made;
    }();
    std::uint32_t result = ~0U;
    for (const char byte : text) {
      result = table[(result ^ static_cast<unsigned char>(byte)) & 0xff] ^ (result >> 8);
    }
    return ~result;
  }

  void write_event(std::uint64_t key, const char* what, std::string_view more = {}) {
    write_full_run();
    write_runs(key, clients_[key]);
    begin_line(now()) << key << ' ' << what;
    if (!more.empty()) file_ << ' ' << more;
    file_ << '\n';
  }

  void write_runs(std::uint64_t key, Client& client) {
    write_run(key, "accepted", client.accepted);
    write_run(key, "dispatched", client.dispatched);
  }

  // A full run of sent messages is written with the next event, since the last may be taken back.
  void write_full_run() {
    if (!full_) return;
    write_run(*full_, "accepted", clients_[*full_].accepted);
    full_.reset();
  }

  void write_run(std::uint64_t key, const char* what, Run& run) {
    if (run.empty()) return;
    begin_line(run.time) << key << ' ' << what << ' ' << run.first;
    if (run.last != run.first) file_ << '-' << run.last;
    file_ << ' ' << std::hex << run.hash << std::dec << '\n';
    run.begin_next();
  }

  std::ostream& begin_line(TimePoint time) {
    const auto passed =
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
    return file_ << passed / 1'000'000 << '.' << std::setfill('0') << std::setw(6)
                 << passed % 1'000'000 << ' ';
  }

  std::ofstream file_;
  const std::uint64_t messages_per_line_;
  std::map<std::uint64_t, Client> clients_;
  Run before_;                         // the last `sending`
  std::optional<std::uint64_t> full_;  // whose sent messages fill a line
};

}  // namespace messi::testing

#endif  // MESSI_TESTING_HISTORY_H_
