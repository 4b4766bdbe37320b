// Thinks of a number for each client, which guesses it. A game is one coroutine.

#include <chrono>
#include <cstdint>
#include <iostream>

#include "../command_line.h"
#include "../signals.h"
#include "absl/status/status.h"
#include "guess.messi.h"
#include "messi/coro.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"

using namespace std::chrono_literals;
using Server = messi::coro::Server<guess::GuessServer>;

constexpr std::int32_t kLast = 100;

guess::Hint hint_for(std::int32_t guessed, std::int32_t number) {
  guess::Hint hint;
  if (guessed < number) hint.set_verdict(guess::Hint::TOO_SMALL);
  if (guessed > number) hint.set_verdict(guess::Hint::TOO_LARGE);
  return hint;
}

// When it returns, the client is disconnected.
messi::coro::Task<> play(Server::Peer& peer) {
  const auto hello = co_await peer.next<guess::Hello>(5s);
  if (!hello) co_return;
  std::cout << hello->player() << " plays." << std::endl;

  const auto number = 1 + static_cast<std::int32_t>(peer.server().loop().random() % kLast);
  guess::Range range;
  range.set_first(1);
  range.set_last(kLast);
  peer.send(range);

  for (int guesses = 1;; ++guesses) {
    const auto guessed = co_await peer.next<guess::Guess>(30s);
    if (!guessed) {
      std::cout << hello->player() << " has given up: " << guessed.status().message() << std::endl;
      co_return;
    }
    const guess::Hint hint = hint_for(guessed->number(), number);
    peer.send(hint);
    if (hint.verdict() == guess::Hint::RIGHT) {
      std::cout << hello->player() << " has needed " << guesses << " guesses." << std::endl;
      co_return;
    }
  }
}

// Games that are going on when a signal arrives may end.
constexpr std::chrono::seconds kDrainDeadline(10);

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv);
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_server());
  Server server(loop, given.argument(0, "tcp://127.0.0.1:6100"), play);
  const Signals signals(loop, [&] { server.drain(kDrainDeadline); });
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  std::cout << "Listening at " << server.uri() << std::endl;
  loop.run_until([&] { return server.stopped(); });
}
