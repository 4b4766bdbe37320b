#ifndef MESSI_IO_NETWORKS_H_
#define MESSI_IO_NETWORKS_H_

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/failing_attempt.h"
#include "messi/io/network.h"
#include "messi/io/uri.h"

namespace messi {

/// The networks of a loop, by the schemes of their URIs. When a network is added, clients and
/// servers can use its URIs; nothing else changes.
class Networks final : public Network {
 public:
  explicit Networks(EventLoop& loop) : loop_(loop) {}
  Networks(const Networks&) = delete;
  Networks& operator=(const Networks&) = delete;

  /// From now on, URIs of the scheme of `form`, such as "tcp://<host>:<port>", belong to `network`.
  /// Only the part before the colon counts, and may stand alone; the rest is shown in error
  /// messages. A scheme that exists already gets the new network. The network must outlive the
  /// clients and servers that use it.
  void add(std::string form, Network& network) {
    if (form.find(':') == std::string::npos) form += ":...";
    if (Row* const row = find(form)) {
      *row = {std::move(form), &network};
    } else {
      rows_.push_back({std::move(form), &network});
    }
  }

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override {
    if (Row* const row = find(uri)) {
      return row->network->connect(uri, options, handler);
    }
    return std::make_unique<FailingAttempt>(loop_, unknown(uri), handler);
  }

  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override {
    Row* const row = find(uri);
    return row != nullptr ? row->network->listen(uri, options, handler) : unknown(uri);
  }

 private:
  struct Row {
    std::string form;
    Network* network;
  };

  Row* find(std::string_view uri) {
    const std::string_view scheme = split_uri(uri).scheme;
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Row& each) {
      return split_uri(each.form).scheme == scheme;
    });
    return row != rows_.end() ? &*row : nullptr;
  }

  Status unknown(const std::string& uri) const {
    std::string message = "\"" + uri + "\": the scheme is unknown; expected ";
    for (const Row& row : rows_) {
      if (&row != &rows_.front()) message += &row == &rows_.back() ? " or " : ", ";
      message += row.form;
    }
    return {StatusCode::kInvalidArgument, message};
  }

  EventLoop& loop_;
  std::vector<Row> rows_;
};

}  // namespace messi

#endif  // MESSI_IO_NETWORKS_H_
