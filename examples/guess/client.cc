// Guesses the server's number. The whole client is one coroutine.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>

#include "../command_line.h"
#include "absl/status/status.h"
#include "guess.messi.h"
#include "messi/coro.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"

using namespace std::chrono_literals;
using Client = messi::coro::Client<guess::GuessClient>;

messi::coro::Task<> play(Client& client, std::string player, int& exit_status) {
  if (const absl::Status status = co_await client.connected(10s); !status.ok()) {
    std::cerr << "No connection: " << status.message() << '\n';
    co_return;
  }
  guess::Hello hello;
  hello.set_player(player);
  client.send(hello);

  auto range = co_await client.next<guess::Range>(5s);
  while (range) {
    guess::Guess guess;
    guess.set_number((range->first() + range->last()) / 2);
    client.send(guess);
    const auto hint = co_await client.next<guess::Hint>(5s);
    if (!hint) break;
    if (hint->verdict() == guess::Hint::RIGHT) {
      std::cout << "It is " << guess.number() << '.' << std::endl;
      exit_status = 0;
      co_return;
    }
    std::cout << guess.number() << " is too "
              << (hint->verdict() == guess::Hint::TOO_SMALL ? "small." : "large.") << std::endl;
    if (hint->verdict() == guess::Hint::TOO_SMALL) range->set_first(guess.number() + 1);
    if (hint->verdict() == guess::Hint::TOO_LARGE) range->set_last(guess.number() - 1);
    co_await messi::coro::sleep(10ms);  // it thinks
  }
  std::cerr << "The server does not play any more.\n";
}

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv);
  if (given.size() < 1 || given.size() > 2) {
    std::cerr << "usage: " << argv[0]
              << " <player> [<uri>] [--ca FILE] [--cert FILE] [--key FILE]\n";
    return 2;
  }
  int exit_status = 1;
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_client());
  Client client(loop, given.argument(1, "tcp://127.0.0.1:6100"));
  client.start();
  const messi::coro::Job game =
      messi::coro::spawn(loop, play(client, given.argument(0, ""), exit_status));
  loop.run_until([&] { return game.done(); });
  client.stop();
  loop.run_until([&] { return client.stopped(); });
  return exit_status;
}
