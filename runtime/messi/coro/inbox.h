#ifndef MESSI_CORO_INBOX_H_
#define MESSI_CORO_INBOX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/coro/fifo.h"
#include "messi/coro/kept.h"
#include "messi/coro/request.h"
#include "messi/coro/result.h"
#include "messi/coro/waiters.h"

namespace messi::coro {

/// Where the messages of an Inbox come from.
class Source {
 public:
  virtual void pause_source() = 0;
  virtual void resume_source() = 0;
  /// OK, or why nothing comes any more.
  virtual absl::Status source_status() const = 0;

 protected:
  ~Source() = default;
};

template <typename... Message>
class Inbox;

// For what a generated class receives.
template <typename Class, int... index>
auto inbox_of(std::integer_sequence<int, index...>)
    -> Inbox<Incoming<Class, std::remove_cvref_t<decltype(Class::Receives::type(
                                 std::integral_constant<int, index>()))>>...>;
template <typename Class>
using InboxOf =
    decltype(inbox_of<Class>(std::make_integer_sequence<int, Class::Receives::types()>()));

/// Messages that have arrived, until coroutines take them. Its memory is bounded: when too much is
/// waiting, it pauses its source.
// Each kind has a queue, and a place: the number of the connection that its readers are in. Those
// who come to the end of a connection are told, so that nothing is lost without a word.
template <typename... Message>
class Inbox {
 public:
  /// A message of any kind.
  using Any = std::variant<Message...>;

  explicit Inbox(Source& source) : source_(source) {}

  template <typename T>
  void push(T message) {
    const std::size_t weight = sizeof(Arrived<T>) + weight_of(message);
    kind<T>().queue.push(
        {{index_of<T>(), ++last_number_, connection_}, weight, std::move(message)});
    weight_ += weight;
    if (weight_ <= kMost) return wake_first(index_of<T>());
    full_ = true;
    source_.pause_source();
    readers_.wake_all();
  }

  /// A connection has begun.
  void handle_connected() {
    if (full_) source_.pause_source();
  }
  /// The connection is over.
  void handle_disconnected(DisconnectReason reason) {
    ++connection_;
    reason_ = reason;
    readers_.wake_all();
  }
  /// The source's status has changed.
  void handle_status() { readers_.wake_all(); }

  /// The program knows that earlier connections are over. Whoever finds something of them is told
  /// all the same.
  void acknowledge() {
    for_each_kind([this](auto& each) { each.place = this->front_of(each).connection; });
    any_place_ = front_of_all().connection;
  }

  template <typename What>
  class Next;

 private:
  // As far as the size of a message tells how much memory it takes.
  static constexpr std::size_t kMost = 256 * 1024;

  // What is said of the next message, whether it has arrived or not.
  struct Front {
    std::size_t kind;
    std::uint64_t number;
    std::uint64_t connection;
  };
  template <typename T>
  struct Arrived {
    Front front;
    std::size_t weight;
    T message;
  };
  template <typename T>
  struct Kind {
    Fifo<Arrived<T>> queue;
    std::uint64_t place = 0;
    bool wanted = false;  // somebody has asked for it
  };

  static constexpr std::size_t kNone = sizeof...(Message);

  // kNone: any.
  template <typename What>
  static constexpr std::size_t index_of() {
    static_assert((std::is_same_v<What, Message> || ...) || std::is_same_v<What, Any>,
                  "no such message arrives here");
    std::size_t index = 0;
    static_cast<void>(((std::is_same_v<What, Message> || (++index, false)) || ...));
    return index;
  }

  template <typename T>
  Kind<T>& kind() {
    return std::get<Kind<T>>(kinds_);
  }
  template <typename Call>
  void for_each_kind(const Call& call) {
    std::apply([&](auto&... each) { (call(each), ...); }, kinds_);
  }

  template <typename T>
  Front front_of(const Kind<T>& kind) const {
    if (kind.queue.empty()) return {kNone, UINT64_MAX, connection_};
    return kind.queue.front().front;
  }
  Front front_of_all() {
    Front first{kNone, UINT64_MAX, connection_};
    for_each_kind([&](const auto& each) {
      const Front front = this->front_of(each);
      if (front.number < first.number) first = front;
    });
    return first;
  }

  template <typename T>
  T take() {
    Arrived<T> arrived = kind<T>().queue.pop();
    weight_ -= arrived.weight;
    if (full_ && weight_ <= kMost / 2) {
      full_ = false;
      source_.resume_source();
    }
    return std::move(arrived.message);
  }

  // Why a reader waits in vain, or OK. Messages that nobody has ever asked for would be in the way
  // for ever.
  absl::Status why_none() {
    if (absl::Status status = source_.source_status(); !status.ok()) return status;
    bool unwanted = full_;
    for_each_kind([&](const auto& each) { unwanted &= each.queue.empty() || !each.wanted; });
    if (!unwanted) return absl::OkStatus();
    return absl::ResourceExhaustedError("too many messages that nobody has asked for");
  }

  class Reader : public Waiter {
   protected:
    Reader(Inbox& inbox, std::size_t kind, Duration timeout)
        : Waiter(inbox.readers_, timeout), inbox_(inbox), kind_(kind) {}
    ~Reader() { leave_line(); }

    // Whether somebody who came before wants messages of that kind.
    bool behind_others(std::size_t kind) const {
      const Waiter* each = inbox_.readers_.first();
      for (; each != nullptr && each != this; each = each->next()) {
        if (static_cast<const Reader*>(each)->wants(kind)) return true;
      }
      return false;
    }
    void leave_line() {
      if (!listed() || this->orphaned()) return;
      leave();
      inbox_.readers_.wake_all();  // it may have been in their way
    }

    Inbox& inbox() { return inbox_; }

   private:
    friend class Inbox;
    bool wants(std::size_t kind) const { return kind_ == kind || kind_ == kNone; }

    Inbox& inbox_;
    const std::size_t kind_;
  };

  void wake_first(std::size_t kind) {
    for (Waiter* each = readers_.first(); each != nullptr; each = each->next()) {
      if (static_cast<Reader*>(each)->wants(kind)) return each->wake();
    }
  }

  Source& source_;
  std::tuple<Kind<Message>...> kinds_;
  std::uint64_t any_place_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t connection_ = 0;
  DisconnectReason reason_{};  // of the last connection
  std::size_t weight_ = 0;
  bool full_ = false;
  Waiters readers_;
};

/// `co_await` waits for the next message: one of a kind, or Any.
template <typename... Message>
template <typename What>
class [[nodiscard]] Inbox<Message...>::Next final : public Reader {
 public:
  Next(Inbox& from, Duration timeout)
      : Reader(from, index_of<What>(), timeout), place_(shared_place()) {
    if constexpr (kAnyKind) {
      from.for_each_kind([](auto& each) { each.wanted = true; });
    } else {
      from.template kind<What>().wanted = true;
    }
  }

  bool await_ready() { return may_take(front()); }
  Result<What> await_resume() {
    if (this->orphaned()) return absl::CancelledError("its client was destroyed");
    const Finally after([this] { this->leave_line(); });
    const Front next = front();
    if (may_take(next)) return take(next);
    if (next.connection > place_) {
      if (shared_place() < next.connection) shared_place() = next.connection;
      return absl::UnavailableError("the connection is over: " +
                                    std::string(to_string(inbox().reason_)));
    }
    if (absl::Status status = inbox().why_none(); !status.ok()) return status;
    return absl::DeadlineExceededError("no message in time");
  }

 private:
  static constexpr bool kAnyKind = std::is_same_v<What, Any>;

  using Reader::inbox;

  bool ready() override {
    if (this->orphaned()) return true;
    const Front next = front();
    return may_take(next) || next.connection > place_ || !inbox().why_none().ok();
  }
  bool may_take(const Front& next) const {
    return next.kind != kNone && next.connection <= place_ && !this->behind_others(next.kind);
  }

  std::uint64_t& shared_place() {
    if constexpr (kAnyKind) {
      return inbox().any_place_;
    } else {
      return inbox().template kind<What>().place;
    }
  }
  Front front() {
    if constexpr (kAnyKind) {
      return inbox().front_of_all();
    } else {
      return inbox().front_of(inbox().template kind<What>());
    }
  }
  What take(const Front& next) {
    if constexpr (kAnyKind) {
      std::optional<Any> taken;
      static_cast<void>(((next.kind == index_of<Message>() &&
                          (taken.emplace(inbox().template take<Message>()), true)) ||
                         ...));
      return *std::move(taken);
    } else {
      return inbox().template take<What>();
    }
  }

  const std::uint64_t place_;  // when it began to wait
};

}  // namespace messi::coro

#endif  // MESSI_CORO_INBOX_H_
