#ifndef MESSI_TEST_THREADS_ACTORS_H_
#define MESSI_TEST_THREADS_ACTORS_H_

// A client and a server that use all there is. They belong to their loops; what threads share is
// the ledger, the boards and the workers.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/io/event_loop.h"
#include "random_use.messi.h"
#include "test/simulation/random.h"
#include "test/threads/ledger.h"

namespace messi::random_use {

using namespace ::random_use;
using simulation::Random;

/// Senders for any thread that wants one.
template <typename Sender>
class Board {
 public:
  void add(Sender sender) {
    const std::lock_guard<std::mutex> lock(mutex_);
    senders_.push_back(std::move(sender));
    came_.notify_all();
  }
  /// Waits for the first one. Null if it does not come.
  std::unique_ptr<Sender> copy_any(Random& random) {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool any = came_.wait_for(lock, std::chrono::seconds(60),
                                    [this] { return !senders_.empty() || closed_; });
    if (!any || senders_.empty()) return nullptr;
    return std::make_unique<Sender>(senders_[random.below(senders_.size())]);
  }
  void close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    came_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Sender> senders_;
  bool closed_ = false;
};

/// A thread that does what takes long, and posts to the loop what comes of it.
class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { join(); }

  void add(std::function<void()> job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    jobs_.push_back(std::move(job));
    came_.notify_one();
  }
  /// When all is done. What is added later is done never.
  void join() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
      came_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      came_.wait(lock, [this] { return ends_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> jobs_;
  bool ends_ = false;
  std::thread thread_;
};

/// That of messages which nobody counts.
constexpr std::uint32_t kNoLane = ~std::uint32_t{0};

inline Note make_note(std::uint32_t lane, std::uint64_t number, std::size_t rest) {
  Note note;
  note.set_lane(lane);
  note.set_number(number);
  note.set_rest(std::string(rest, 'x'));
  return note;
}

/// What both sides do with calls. `Reply` is the answer that this side gives, and `Answer` the one
/// that it gets.
template <typename Reply, typename Answer>
class Talker {
 public:
  Talker(EventLoop& loop, Ledger& ledger, Worker& worker, bool names, std::uint64_t seed)
      : loop_(loop), ledger_(ledger), worker_(worker), names_(names), random_(seed) {}

 protected:
  /// Answers a request somehow. `reply(answer)` does it at once, `later()` makes a Responder.
  template <typename ReplyNow, typename Later>
  void answer(std::uint64_t number, ReplyNow&& reply_now, Later&& later) {
    Reply reply;
    reply.set_number(number + 1);
    const std::uint64_t dice = random_.below(100);
    if (dice < 50) return reply_now(reply);
    Responder<Reply> responder = later();
    if (dice < 80) {
      const auto shared = std::make_shared<Responder<Reply>>(std::move(responder));
      worker_.add(
          [&loop = loop_, shared, reply] { loop.post([shared, reply] { shared->reply(reply); }); });
    } else if (dice < 85) {
      responder.fail(absl::NotFoundError("on purpose"));
    } else if (dice < 90) {
      kept_.push_back(std::move(responder));
      if (kept_.size() > 20) kept_.erase(kept_.begin());
    }
  }

  /// A callback for a call with this number.
  auto note_result(std::uint64_t number) {
    return [pending = Ledger::Pending(ledger_),
            expected = names_ ? number + 1 : 0](CallResult<Answer> result) mutable {
      pending.end(!result.ok() || expected == 0 || result->number() == expected);
    };
  }
  void keep(Call call) {
    if (calls_.size() > 20) calls_.erase(calls_.begin());
    calls_.push_back(std::move(call));
    if (random_.chance(20)) calls_[random_.below(calls_.size())].cancel();
  }
  Duration some_time() {
    if (random_.chance(20)) return Duration::max();
    return std::chrono::microseconds(random_.below(random_.chance(50) ? 3'000 : 300'000));
  }

  Ledger& ledger() { return ledger_; }
  Random& random() { return random_; }
  std::uint64_t next_number() { return ++last_number_; }

 private:
  EventLoop& loop_;
  Ledger& ledger_;
  Worker& worker_;
  const bool names_;  // answers name their requests; else they come in any order
  Random random_;
  std::vector<Responder<Reply>> kept_;
  std::vector<Call> calls_;
  std::uint64_t last_number_ = 0;
};

class Client final : public RandomUseClient, public Talker<TellRsp, AskRsp> {
 public:
  using Senders = Board<Sender>;

  Client(EventLoop& loop, std::string uri, ClientOptions options, Ledger& ledger, Worker& worker,
         Senders& senders, bool names, std::uint64_t seed)
      : RandomUseClient(loop, std::move(uri), std::move(options)),
        Talker(loop, ledger, worker, names, seed),
        senders_(senders) {}

  void ask() {
    AskReq request;
    request.set_number(next_number());
    keep(call(request, some_time(), note_result(request.number())));
  }

 private:
  void on_connected() override { senders_.add(Sender(*this, 1'000 + random().below(200'000))); }
  void on_note(const Note& note) override {
    if (note.lane() != kNoLane) ledger().arrive(note.lane(), note.number(), false);
  }
  void on_tell_req(const TellReq& request) override {
    answer(
        request.number(), [this](const TellRsp& reply) { this->reply(reply); },
        [&] { return answer_later(request); });
  }

  Senders& senders_;
};

class Server final : public RandomUseServer, public Talker<AskRsp, TellRsp> {
 public:
  using Senders = Board<Client::Sender>;

  Server(EventLoop& loop, std::string uri, ServerOptions options, Ledger& ledger, Worker& worker,
         Senders& senders, bool names, std::uint64_t seed)
      : RandomUseServer(loop, std::move(uri), std::move(options)),
        Talker(loop, ledger, worker, names, seed),
        senders_(senders) {}

  /// A client by chance; null if there is none.
  Client* any_client() {
    const std::size_t count = client_count();
    if (count == 0) return nullptr;
    std::size_t left = random().below(count);
    for (Client& client : clients()) {
      if (left-- == 0) return &client;
    }
    return nullptr;
  }
  void tell() {
    Client* const client = any_client();
    if (client == nullptr) return;
    TellReq request;
    request.set_number(next_number());
    keep(client->call(request, some_time(), note_result(request.number())));
  }
  /// Something for all, or some.
  void shout() {
    Note note = make_note(kNoLane, 0, random().below(random().chance(5) ? 20'000 : 200));
    Client* const client = any_client();
    const std::uint64_t dice = random().below(4);
    if (dice == 0 || client == nullptr) {
      broadcast(note);
    } else if (dice == 1) {
      broadcast(note, *client);
    } else if (dice == 2) {
      group("some").send(note);
    } else {
      group("some").send(note, *client);
    }
  }
  void regroup() {
    Client* const client = any_client();
    if (client == nullptr) return;
    if (group("some").contains(*client)) {
      group("some").leave(*client);
    } else {
      group("some").join(*client);
    }
  }

 private:
  void on_client_connected(Client& client) override {
    if (random().chance(50)) group("some").join(client);
    senders_.add(Client::Sender(client, 1'000 + random().below(200'000)));
  }
  void on_note(Client& /*client*/, const Note& note) override {
    ledger().arrive(note.lane(), note.number(), true);
  }
  void on_ask_req(Client& /*client*/, const AskReq& request) override {
    answer(
        request.number(), [this](const AskRsp& reply) { this->reply(reply); },
        [&] { return answer_later(request); });
  }

  Senders& senders_;
};

}  // namespace messi::random_use

#endif  // MESSI_TEST_THREADS_ACTORS_H_
