#ifndef MESSI_IO_LINUX_RESOLVER_H_
#define MESSI_IO_LINUX_RESOLVER_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/linux/name_query.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/poller.h"

namespace messi::io {

/// Looks up names on a loop, without a thread. Requests for the same name share a look-up while it
/// is under way, and in the turn of its answer. A look-up that no request needs any more ends.
class Resolver {
 public:
  class Lookup;

  explicit Resolver(Poller& poller)
      : poller_(poller), forget_(poller.loop(), [this] { forget_finished(); }) {}
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

 private:
  class Question;

  std::shared_ptr<Question> ask(const std::string& name);
  void forget_finished();

  Poller& poller_;
  std::map<std::string, std::weak_ptr<Question>> questions_;
  std::vector<std::shared_ptr<Question>> finished_;  // in this turn
  Task forget_;
};

/// One name, and all requests for its addresses.
class Resolver::Question : public std::enable_shared_from_this<Question> {
 public:
  Question(Resolver& resolver, const std::string& name)
      : resolver_(resolver),
        name_(name),
        timeout_(resolver.poller_.loop(), [this] { process(ARES_SOCKET_BAD); }),
        delay_(resolver.poller_.loop(), [this] { tell(); }),
        query_(name,
               [this](int fd, bool readable, bool writable) { watch(fd, readable, writable); }) {}
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  inline ~Question();

  const std::string& name() const { return name_; }
  const NameQuery& query() const { return query_; }
  inline void join(Lookup& lookup);
  inline void leave(Lookup& lookup);
  /// Does what is due, and calls those that wait.
  inline void advance();

 private:
  // How long addresses of IPv4 wait for those of IPv6, which are tried first (RFC 8305).
  static constexpr auto kDelay = std::chrono::milliseconds(50);

  class Socket final : public ReadyHandler {
   public:
    Socket(Question& question, int fd) : question_(question), fd_(fd) {}

   private:
    void handle_ready(bool /*readable*/, bool /*writable*/) override { question_.process(fd_); }

    Question& question_;
    const int fd_;
  };

  void process(int fd) {
    timeout_.set(resolver_.poller_.loop().now());  // if memory runs out
    query_.process(fd);
    advance();
  }
  inline void watch(int fd, bool readable, bool writable);
  inline void tell();

  Resolver& resolver_;
  const std::string name_;
  Timer timeout_;
  Timer delay_;
  std::vector<Lookup*> lookups_;
  std::size_t told_ = 0;  // of how many addresses
  std::map<int, Socket> sockets_;
  NameQuery query_;  // destroyed first, since it uses the others
};

/// A request for the addresses of a name. Destroying it cancels it.
class Resolver::Lookup {
 public:
  /// `told` is called at the end of a turn: when there are addresses, when there are more, and when
  /// it has finished. It may destroy the object.
  Lookup(Resolver& resolver, const std::string& name, std::function<void()> told)
      : told_(resolver.poller_.loop(), std::move(told)), question_(resolver.ask(name)) {
    question_->join(*this);
  }
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;
  ~Lookup() { question_->leave(*this); }

  bool finished() const { return question_->query().finished(); }
  /// The addresses found so far, in the order in which they came; their ports are 0.
  const std::vector<SocketAddress>& addresses() const { return question_->query().addresses(); }
  /// Why there are none.
  Status error(const std::string& uri) const { return question_->query().error(uri); }

  void tell() { told_.schedule(); }

 private:
  Task told_;
  std::shared_ptr<Question> question_;
};

// ---------------------------------------------------------------------------------------------

inline std::shared_ptr<Resolver::Question> Resolver::ask(const std::string& name) {
  std::shared_ptr<Question> question = questions_[name].lock();
  if (question == nullptr) {
    question = std::make_shared<Question>(*this, name);
    questions_[name] = question;
    question->advance();
  }
  return question;
}

inline void Resolver::forget_finished() {
  for (const auto& question : finished_) questions_.erase(question->name());
  finished_.clear();
}

inline Resolver::Question::~Question() {
  const auto own = resolver_.questions_.find(name_);
  if (own != resolver_.questions_.end() && own->second.expired()) resolver_.questions_.erase(own);
}

inline void Resolver::Question::join(Lookup& lookup) {
  lookups_.push_back(&lookup);
  if (told_ > 0 || query_.finished()) lookup.tell();
}

inline void Resolver::Question::leave(Lookup& lookup) {
  lookups_.erase(std::find(lookups_.begin(), lookups_.end(), &lookup));
}

inline void Resolver::Question::advance() {
  if (query_.finished()) {
    resolver_.finished_.push_back(shared_from_this());
    resolver_.forget_.schedule();
    timeout_.cancel();
    return tell();
  }
  if (const std::optional<Duration> patience = query_.patience()) {
    timeout_.set(resolver_.poller_.loop().now() + *patience);
  } else {
    timeout_.cancel();
  }
  const std::vector<SocketAddress>& addresses = query_.addresses();
  if (told_ == addresses.size()) return;
  const bool v6 = std::any_of(addresses.begin(), addresses.end(),
                              [](const SocketAddress& each) { return each.family() == AF_INET6; });
  if (v6 || told_ > 0) {
    tell();
  } else if (!delay_.pending()) {
    delay_.set(resolver_.poller_.loop().now() + kDelay);
  }
}

inline void Resolver::Question::tell() {
  delay_.cancel();
  told_ = query_.addresses().size();
  for (Lookup* const lookup : lookups_) lookup->tell();
}

inline void Resolver::Question::watch(int fd, bool readable, bool writable) {
  Poller& poller = resolver_.poller_;
  const auto found = sockets_.find(fd);
  if (!readable && !writable) {
    if (found == sockets_.end()) return;
    poller.remove(fd, found->second);
    sockets_.erase(found);
    return;
  }
  const auto interest = !writable   ? Poller::Interest::kRead
                        : !readable ? Poller::Interest::kWrite
                                    : Poller::Interest::kReadWrite;
  if (found != sockets_.end()) return poller.change(fd, interest, found->second);
  // If the system refuses, the look-up ends by its time-outs.
  poller.add(fd, interest, sockets_.try_emplace(fd, *this, fd).first->second);
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_RESOLVER_H_
