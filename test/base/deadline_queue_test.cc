#include "messi/base/deadline_queue.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

#include "test/catch.h"

using messi::DeadlineHook;
using messi::DeadlineQueue;
using messi::Duration;
using messi::TimePoint;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1h};

struct Item : DeadlineHook {
  explicit Item(TimePoint at = kStart) : since(at) {}
  TimePoint waits_since() const { return since; }
  TimePoint since;
};

using Queue = DeadlineQueue<Item>;

}  // namespace

TEST_CASE("an empty queue has no deadline", "[base]") {
  const Queue queue(3s);
  CHECK(queue.empty());
  CHECK(queue.first() == nullptr);
  CHECK(queue.deadline() == TimePoint::max());
}

TEST_CASE("the deadline is that of who waits longest", "[base]") {
  Queue queue(3s);
  Item first(kStart);
  Item second(kStart + 1s);
  CHECK(queue.push_back(first));
  CHECK_FALSE(queue.push_back(second));
  CHECK(queue.first() == &first);
  CHECK(queue.deadline() == kStart + 3s);
  first.stop_waiting();
  CHECK_FALSE(first.waits());
  CHECK(queue.first() == &second);
  CHECK(queue.deadline() == kStart + 4s);
  second.stop_waiting();
  CHECK(queue.empty());
}

TEST_CASE("who begins to wait again is the last", "[base]") {
  Queue queue(3s);
  Item first;
  Item second;
  queue.push_back(first);
  CHECK(queue.push_back(first));
  queue.push_back(second);
  first.since = kStart + 2s;
  CHECK_FALSE(queue.push_back(first));
  CHECK(queue.first() == &second);
  second.since = kStart + 3s;
  CHECK_FALSE(queue.push_back(second));
  CHECK_FALSE(queue.push_back(second));
  CHECK(queue.first() == &first);
}

TEST_CASE("who waits for ever has no deadline", "[base]") {
  Queue queue(Duration::max());
  Item item;
  queue.push_back(item);
  CHECK_FALSE(queue.empty());
  CHECK(queue.deadline() == TimePoint::max());
}

TEST_CASE("who begins to wait elsewhere leaves", "[base]") {
  Queue short_wait(1s);
  Queue long_wait(3s);
  Item first;
  Item second;
  long_wait.push_back(first);
  long_wait.push_back(second);
  CHECK(short_wait.push_back(first));
  CHECK(long_wait.first() == &second);
  CHECK(short_wait.first() == &first);
}

TEST_CASE("who is destroyed does not wait, nor does anybody in a queue that is", "[base]") {
  Item stays;
  {
    Queue queue(3s);
    queue.push_back(stays);
    {
      Item goes;
      queue.push_back(goes);
      stays.stop_waiting();
      CHECK(queue.first() == &goes);
    }
    CHECK(queue.empty());
    queue.push_back(stays);
  }
  stays.stop_waiting();
  CHECK_FALSE(stays.waits());
  stays.stop_waiting();
}

TEST_CASE("whatever is done to queues, they do what lists would", "[base]") {
  std::mt19937 random(4711);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  std::deque<Item> items(20);
  Queue queues[3] = {Queue(1s), Queue(2s), Queue(3s)};
  std::vector<Item*> lists[3];
  const auto forget = [&lists](Item& item) {
    for (auto& list : lists) list.erase(std::remove(list.begin(), list.end(), &item), list.end());
  };
  TimePoint now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += 1ms;
    Item& item = items[below(items.size())];
    forget(item);
    if (below(4) == 0) {
      item.stop_waiting();
    } else {
      const std::size_t at = below(3);
      item.since = now;
      lists[at].push_back(&item);
      if (queues[at].push_back(item) != (lists[at].size() == 1)) FAIL("step " << step);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      Item* const first = lists[i].empty() ? nullptr : lists[i].front();
      if (queues[i].first() != first) FAIL("step " << step << ", queue " << i);
      if (first == nullptr) continue;
      const Duration delay = std::chrono::seconds(i + 1);
      if (queues[i].deadline() != first->since + delay) FAIL("step " << step << ", queue " << i);
    }
  }
}
