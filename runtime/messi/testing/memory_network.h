#ifndef MESSI_TESTING_MEMORY_NETWORK_H_
#define MESSI_TESTING_MEMORY_NETWORK_H_

// Byte streams without sockets, for ManualLoop: reliable and ordered, unless a test breaks them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/socket_uri.h"
#include "messi/io/stream.h"
#include "messi/io/uri.h"

namespace messi::testing {

/// Faults of the network. Set them at any time; they apply from then on, to all connections.
struct Faults {
  /// The most bytes that one read gets: 1 delivers byte by byte.
  std::size_t most_per_read = std::numeric_limits<std::size_t>::max();
  /// The bytes that fit into one direction before writes are short.
  std::size_t capacity = 256 * 1024;
  /// A dead network: written bytes do not arrive, and ends of connections are not noticed.
  bool stalled = false;
  /// Attempts to connect are refused at once.
  bool refuse_connects = false;
  /// Attempts to connect get no answer at all.
  bool ignore_connects = false;
  /// How long an attempt to connect takes.
  Duration connect_latency = Duration::zero();
};

/// Faults in one direction of one connection. They apply to what is written from then on.
struct WayFaults {
  /// As Faults::stalled. A connection that is stalled both ways is half-open: when one side ends
  /// it, the other one does not notice.
  bool stalled = false;
  /// As Faults::most_per_read and Faults::capacity; the smaller one counts.
  std::size_t most_per_read = std::numeric_limits<std::size_t>::max();
  std::size_t capacity = std::numeric_limits<std::size_t>::max();
  /// How long written bytes are in flight.
  Duration latency = Duration::zero();
  /// After so many more bytes the connection breaks: these bytes arrive, and nothing else.
  std::size_t cut_after = std::numeric_limits<std::size_t>::max();
};

/// Faults of one connection.
struct LinkFaults {
  WayFaults to_server;
  WayFaults to_client;
};

/// The network of one ManualLoop. Servers listen and clients connect with the URIs of production;
/// of tcp://, only the port counts. "memory://<any name>" works too.
class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(EventLoop& loop) : loop_(loop), arrival_(loop, [this] { await_next(); }) {
    for (const char* const form : {"tcp://<host>:<port>", "unix://<path>", "unix-abstract:<name>",
                                   "systemd:<name>", "memory://<name>"}) {
      loop.networks().add(form, *this);
    }
  }
  MemoryNetwork(const MemoryNetwork&) = delete;
  MemoryNetwork& operator=(const MemoryNetwork&) = delete;

  Faults faults;
  /// The faults of connections made from now on.
  LinkFaults new_links;
  /// The PeerInfo::origin of clients that connect from now on.
  std::string new_origin;
  /// The faults of the connection with that number, 1 for the first; null if it is gone.
  LinkFaults* link(std::size_t number);

  /// Breaks the connection with that number, as a reset does; bytes in flight are lost.
  void cut(std::size_t number);
  /// Breaks all connections.
  void cut_all();

  /// The number of connections made so far.
  std::size_t connections_made() const { return connections_made_; }

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override;

  // For ManualLoop.
  /// Calls each end that has something to read, once; false if there was nothing to do.
  bool deliver();
  /// While something is delivered: memory of its exact size, so that the sanitizers catch reads
  /// past the end. Else null.
  Space scratch() { return {scratch_.get(), scratch_size_}; }

 private:
  class End;
  class Attempt;
  class Place;

  struct Departure {
    TimePoint arrives;
    std::size_t size;  // 0 for an end
  };

  // The two directions between two ends, the client's and the server's; each end owns the link with
  // the other.
  struct Link {
    std::size_t number;
    LinkFaults faults;
    End* ends[2] = {nullptr, nullptr};     // null once closed
    std::string under_way[2];              // to the end of that index
    std::vector<Departure> departures[2];  // of its last bytes, those that have not arrived yet
    bool finished[2] = {false, false};     // the end of that index writes no more
    bool cut = false;
    std::string names[2];
    std::string origin;

    WayFaults& way_to(int side) { return side == 0 ? faults.to_client : faults.to_server; }
    void lose(int side) {
      under_way[side].clear();
      departures[side].clear();
    }
    void break_off() {
      cut = true;
      for (const int side : {0, 1}) lose(side);
    }
  };

  static Result<std::string> place_name(const std::string& uri);
  std::shared_ptr<Link> find(std::size_t number) const;
  void connected(ConnectHandler& handler, Place& place);
  bool accept_one();
  bool deliver_to(End& end, const Link& link);
  bool tell_of_room(End& end, const Link& link);
  /// Bytes, or with 0 an end, go to that side.
  void depart(Link& link, int side, std::size_t size);
  /// The number of bytes that have arrived there.
  std::size_t arrived(Link& link, int side) const;
  void await_next();
  /// Nothing will ever be delivered again.
  static bool finished(const std::weak_ptr<Link>& known);

  EventLoop& loop_;
  std::map<std::string, Place*> places_;
  std::vector<std::weak_ptr<Link>> links_;
  std::size_t connections_made_ = 0;
  std::uint16_t next_port_ = 49152;
  Timer arrival_;  // for the next arrival
  std::unique_ptr<char[]> scratch_;
  std::size_t scratch_size_ = 0;
};

/// One end of a link.
class MemoryNetwork::End final : public Stream {
 public:
  End(MemoryNetwork& network, std::shared_ptr<Link> link, int side)
      : network_(network), link_(std::move(link)), side_(side) {
    link_->ends[side_] = this;
  }
  ~End() override {
    link_->ends[side_] = nullptr;
    network_.depart(*link_, 1 - side_, 0);
  }

  bool start(StreamHandler& handler) override {
    handler_ = &handler;
    return true;
  }

  IoResult read(const Space* spaces, std::size_t count) override;
  IoResult write(const Slice* slices, std::size_t count, bool more) override;
  bool wait_for_room() override { return false; }
  void finish() override {
    link_->finished[side_] = true;
    network_.depart(*link_, 1 - side_, 0);
  }
  void want_input(bool wanted) override { wants_input_ = wanted; }

  PeerInfo peer() const override {
    return {link_->names[1 - side_], {}, nullptr, side_ == 1 ? link_->origin : std::string()};
  }

 private:
  friend class MemoryNetwork;

  /// What may be read at once.
  std::size_t readable() const {
    if (stalled(side_)) return 0;
    const bool all = link_->departures[side_].empty();
    const std::size_t size = all ? link_->under_way[side_].size() : network_.arrived(*link_, side_);
    return std::min(size,
                    std::min(network_.faults.most_per_read, link_->way_to(side_).most_per_read));
  }
  std::size_t capacity() const {
    return std::min(network_.faults.capacity, link_->way_to(1 - side_).capacity);
  }
  /// Nothing more can be written.
  bool broken() const {
    const int to = 1 - side_;
    return link_->cut || link_->finished[side_] || (link_->ends[to] == nullptr && !stalled(to));
  }
  bool stalled(int to) const { return network_.faults.stalled || link_->way_to(to).stalled; }
  /// Nothing is under way to this end, nor will be.
  bool over() const {
    return link_->under_way[side_].empty() &&
           (link_->cut || link_->ends[1 - side_] == nullptr || link_->finished[1 - side_]);
  }
  bool at_end() const {
    if (!over() || stalled(side_)) return false;
    const std::vector<Departure>& departures = link_->departures[side_];
    return departures.empty() || departures.back().arrives <= network_.loop_.now();
  }

  MemoryNetwork& network_;
  std::shared_ptr<Link> link_;
  int side_;
  StreamHandler* handler_ = nullptr;  // null before start
  bool ended_ = false;                // read to the end
  bool wants_room_ = false;
  bool wants_input_ = true;
};

class MemoryNetwork::Place final : public Listener {
 public:
  Place(MemoryNetwork& network, std::string name, std::string uri, std::uint16_t port,
        ListenHandler& handler)
      : network_(network),
        name_(std::move(name)),
        uri_(std::move(uri)),
        port_(port),
        handler_(handler) {
    network_.places_[name_] = this;
  }
  ~Place() override { network_.places_.erase(name_); }

  std::string uri() const override { return uri_; }
  std::uint16_t port() const override { return port_; }

 private:
  friend class MemoryNetwork;

  MemoryNetwork& network_;
  std::string name_;
  std::string uri_;
  std::uint16_t port_;
  ListenHandler& handler_;
  std::deque<std::unique_ptr<End>> arrived_;  // not accepted yet
};

class MemoryNetwork::Attempt final : public Connecting {
 public:
  Attempt(MemoryNetwork& network, std::string uri, ConnectHandler& handler)
      : network_(network),
        uri_(std::move(uri)),
        handler_(handler),
        finish_(network.loop_, [this] { finish(); }),
        wait_(network.loop_, [this] { finish_.schedule(); }) {
    const Duration latency = network.faults.connect_latency;
    if (latency == Duration::zero()) {
      finish_.schedule();
    } else {
      wait_.set(network.loop_.now() + latency);
    }
  }

 private:
  void finish() {
    if (network_.faults.ignore_connects || network_.faults.stalled) return;
    const Result<std::string> name = place_name(uri_);
    if (!name.ok()) return handler_.handle_no_stream(name.status());
    const auto place = network_.places_.find(*name);
    if (network_.faults.refuse_connects || place == network_.places_.end()) {
      return handler_.handle_no_stream(
          Status(StatusCode::kUnavailable, uri_ + ": cannot connect: Connection refused"));
    }
    network_.connected(handler_, *place->second);
  }

  MemoryNetwork& network_;
  std::string uri_;
  ConnectHandler& handler_;
  Task finish_;
  Timer wait_;
};

// ---------------------------------------------------------------------------------------------

inline void MemoryNetwork::cut(std::size_t number) {
  if (const std::shared_ptr<Link> link = find(number)) link->break_off();
}

inline void MemoryNetwork::cut_all() {
  for (const std::weak_ptr<Link>& known : links_) {
    if (const std::shared_ptr<Link> link = known.lock()) link->break_off();
  }
}

inline LinkFaults* MemoryNetwork::link(std::size_t number) {
  const std::shared_ptr<Link> link = find(number);
  return link != nullptr ? &link->faults : nullptr;
}

inline std::shared_ptr<MemoryNetwork::Link> MemoryNetwork::find(std::size_t number) const {
  for (const std::weak_ptr<Link>& known : links_) {
    const std::shared_ptr<Link> link = known.lock();
    if (link != nullptr && link->number == number) return link;
  }
  return nullptr;
}

inline std::unique_ptr<Connecting> MemoryNetwork::connect(const std::string& uri,
                                                          const ConnectOptions& /*options*/,
                                                          ConnectHandler& handler) {
  return std::make_unique<Attempt>(*this, uri, handler);
}

inline Result<std::unique_ptr<Listener>> MemoryNetwork::listen(const std::string& uri,
                                                               const ListenOptions& /*options*/,
                                                               ListenHandler& handler) {
  Result<std::string> name = place_name(uri);
  if (!name.ok()) return name.status();
  std::uint16_t port = 0;
  std::string bound = uri;
  if (split_uri(uri).scheme == "tcp") {
    port = io::SocketUri::parse(uri)->port;
    if (port == 0) port = next_port_++;
    name = "tcp:" + std::to_string(port);
    bound = uri.substr(0, uri.rfind(':') + 1) + std::to_string(port);
  }
  if (places_.count(*name) != 0) {
    return Status(StatusCode::kAlreadyExists, uri + ": cannot listen: Address already in use");
  }
  return std::unique_ptr<Listener>(std::make_unique<Place>(*this, *name, bound, port, handler));
}

inline Result<std::string> MemoryNetwork::place_name(const std::string& uri) {
  if (split_uri(uri).scheme == "memory") return uri;
  const Result<io::SocketUri> where = io::SocketUri::parse(uri);
  if (!where.ok()) return where.status();
  const bool tcp = where->scheme == io::SocketUri::Scheme::kTcp;
  return tcp ? "tcp:" + std::to_string(where->port) : uri;
}

inline void MemoryNetwork::connected(ConnectHandler& handler, Place& place) {
  const auto link = std::make_shared<Link>();
  link->number = ++connections_made_;
  link->faults = new_links;
  link->origin = new_origin;
  link->names[0] = "memory:client-" + std::to_string(link->number);
  link->names[1] = place.uri();
  links_.push_back(link);
  // Accepted later: a hook of the server may destroy the client that is called here.
  place.arrived_.push_back(std::make_unique<End>(*this, link, 1));
  handler.handle_stream(
      std::make_unique<End>(*this, link, 0));  // may destroy the attempt that called
}

inline bool MemoryNetwork::accept_one() {
  for (const auto& [name, place] : places_) {
    if (place->arrived_.empty()) continue;
    std::unique_ptr<End> end = std::move(place->arrived_.front());
    place->arrived_.pop_front();
    place->handler_.handle_accept(std::move(end));  // may destroy the place
    return true;
  }
  return false;
}

inline bool MemoryNetwork::deliver() {
  links_.erase(std::remove_if(links_.begin(), links_.end(),
                              [](const std::weak_ptr<Link>& link) { return finished(link); }),
               links_.end());
  if (faults.stalled) return false;
  bool delivered = false;
  while (accept_one()) delivered = true;
  const std::vector<std::weak_ptr<Link>> links = links_;
  for (const std::weak_ptr<Link>& known : links) {
    const std::shared_ptr<Link> link = known.lock();
    if (link == nullptr) continue;
    for (End* const& end : link->ends) {
      if (end != nullptr && end->handler_ != nullptr) delivered |= deliver_to(*end, *link);
    }
  }
  return delivered;
}

inline void MemoryNetwork::depart(Link& link, int side, std::size_t size) {
  std::vector<Departure>& departures = link.departures[side];
  const Duration latency = link.way_to(side).latency;
  if (latency == Duration::zero() && departures.empty()) return;
  TimePoint arrives = loop_.now() + latency;
  if (!departures.empty()) arrives = std::max(arrives, departures.back().arrives);
  if (arrives <= loop_.now()) return;
  departures.push_back({arrives, size});
  await_next();
}

inline std::size_t MemoryNetwork::arrived(Link& link, int side) const {
  std::vector<Departure>& departures = link.departures[side];
  departures.erase(departures.begin(), std::find_if(departures.begin(), departures.end(),
                                                    [this](const Departure& each) {
                                                      return each.arrives > loop_.now();
                                                    }));
  std::size_t size = link.under_way[side].size();
  for (const Departure& each : departures) size -= each.size;
  return size;
}

inline void MemoryNetwork::await_next() {
  TimePoint next = TimePoint::max();
  for (const std::weak_ptr<Link>& known : links_) {
    const std::shared_ptr<Link> link = known.lock();
    if (link == nullptr) continue;
    for (const std::vector<Departure>& departures : link->departures) {
      for (const Departure& each : departures) {
        if (each.arrives > loop_.now()) next = std::min(next, each.arrives);
      }
    }
  }
  if (next != TimePoint::max()) arrival_.set(next);
}

inline bool MemoryNetwork::finished(const std::weak_ptr<Link>& known) {
  const std::shared_ptr<Link> link = known.lock();
  if (link == nullptr) return true;
  return std::all_of(std::begin(link->ends), std::end(link->ends), [](const End* end) {
    return end == nullptr || (end->ended_ && !end->wants_room_);
  });
}

inline bool MemoryNetwork::tell_of_room(End& end, const Link& link) {
  if (!end.broken() && link.under_way[1 - end.side_].size() >= end.capacity()) return false;
  end.wants_room_ = false;
  end.handler_->handle_writable();
  return true;
}

// The instructions of this network are part of those that are counted in test/perf.
[[gnu::always_inline]] inline bool MemoryNetwork::deliver_to(End& end, const Link& link) {
  End* const& there = link.ends[end.side_];  // null when it has been destroyed
  const bool delivered = end.wants_room_ && tell_of_room(end, link);
  if (there == nullptr || end.ended_ || !end.wants_input_) return delivered;
  if (link.under_way[end.side_].empty() && !end.over()) return delivered;
  const std::size_t size = end.readable();
  if (size == 0 && !end.at_end()) return delivered;
  if (size > 0) scratch_.reset(new char[size]);
  scratch_size_ = size;
  const Finally after([this] { scratch_.reset(); });
  end.handler_->handle_readable();
  return true;
}

inline IoResult MemoryNetwork::End::read(const Space* spaces, std::size_t count) {
  if (at_end()) {
    ended_ = true;
    return {0, IoResult::Kind::kEnd};
  }
  std::string& bytes = link_->under_way[side_];
  const std::size_t most = readable();
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t taken = std::min(spaces[i].size, most - size);
    std::copy_n(bytes.data() + size, taken, spaces[i].data);
    size += taken;
  }
  bytes.erase(0, size);
  return {size, size > 0 ? IoResult::Kind::kSome : IoResult::Kind::kAgain};
}

inline IoResult MemoryNetwork::End::write(const Slice* slices, std::size_t count, bool /*more*/) {
  if (broken()) return {0, IoResult::Kind::kEnd};
  const int to = 1 - side_;
  std::string& out = link_->under_way[to];
  const std::size_t before = out.size();
  WayFaults& way = link_->way_to(to);
  const std::size_t most = capacity();
  std::size_t size = 0;
  bool all = true;
  for (std::size_t i = 0; i < count && all; ++i) {
    const std::size_t room = most - std::min(most, out.size());
    const std::size_t taken = std::min(room, slices[i].size);
    out.append(slices[i].data, std::min(taken, way.cut_after));
    way.cut_after -= std::min(taken, way.cut_after);
    size += taken;
    all = taken == slices[i].size;
  }
  wants_room_ = !all;
  network_.depart(*link_, to, out.size() - before);
  if (way.cut_after == 0) {
    link_->cut = true;
    link_->lose(side_);
  }
  return {size, size > 0 ? IoResult::Kind::kSome : IoResult::Kind::kAgain};
}

}  // namespace messi::testing

#endif  // MESSI_TESTING_MEMORY_NETWORK_H_
