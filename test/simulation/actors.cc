#include "test/simulation/actors.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace messi::simulation {

/// What is sent or received from now on need not arrive.
static void hurry(const Side& side) {
  side.out->hurried = true;
  if (side.in != nullptr) side.in->hurried = true;
}

// --- a client ---

Client::Client(EventLoop& loop, Watch& watch, unsigned index, std::string uri,
               ClientOptions options, std::size_t nervous)
    : SimulationClient(loop, std::move(uri), std::move(options)),
      watch_(watch),
      index_(index),
      nervous_(nervous),
      calm_down_(loop, [this] { resume(); }) {}

void Client::say(Recipe recipe) {
  watch_.make_message(recipe, [&](const auto& message) {
    const bool before = connected();
    if (before) watch_.tries(side_);
    send(message);
    if (before && connected()) watch_.sent(side_, hash_of(message));
  });
  watch_.check_pending(pending_bytes(), options().max_pending_bytes, options().max_payload_size);
}

void Client::say_bad() {
  const bool before = connected();
  send(watch_.bad_text());
  watch_.require(!(before && connected()), "a text that is not UTF-8 was accepted");
}

// A client that is let go already gets no more messages either.
void Client::end() {
  if (connected()) side_.out->ended_at = loop().now();
  if (side_.up && side_.in != nullptr) side_.in->hurried = true;
  stop();
}

void Client::end_now() {
  if (side_.up) hurry(side_);
  stop_now();
}

void Client::on_connected() {
  watch_.happens("client connected", index_, 0);
  watch_.require(connected(), "on_connected comes without a connection");
  watch_.open(side_);
  const First first = watch_.first_of(side_);
  send(first);
  if (connected()) watch_.sent(side_, hash_of(first));
  watch_.in_hook(Hook::kConnected, index_);
}

void Client::on_disconnected(DisconnectReason reason) {
  watch_.happens("client disconnected", index_, static_cast<std::uint64_t>(reason));
  watch_.require(!connected(), "on_disconnected comes while connected");
  watch_.close(side_, reason, options().linger);
  watch_.in_hook(Hook::kDisconnected, index_);
}

std::optional<Duration> Client::on_connect_failure(const absl::Status& error) {
  watch_.happens("client failed to connect", index_, static_cast<std::uint64_t>(error.code()));
  watch_.require(!side_.up && !connected(), "on_connect_failure comes while connected");
  if (!watch_.in_hook(Hook::kConnectFailure, index_)) return std::nullopt;
  return SimulationClient::on_connect_failure(error);
}

void Client::on_writable() {
  watch_.happens("client writable", index_, pending_bytes());
  watch_.require(connected(), "on_writable comes without a connection");
  watch_.require(pending_bytes() <= options().max_pending_bytes / 2, "on_writable comes too early");
  watch_.in_hook(Hook::kWritable, index_);
}

void Client::on_first(const First& message) {
  watch_.handle_first(side_, message);
  received(Form::kEmpty, hash_of(message));
}

void Client::received(Form form, std::uint64_t hash) {
  watch_.happens("client received", index_, hash);
  watch_.require(connected() || watch_.drained(), "a message comes without a connection");
  watch_.require(!paused(), "a message comes during a pause");
  watch_.received(side_, form, hash);
  if (nervous_ > 0 && ++received_ % nervous_ == 0) {
    pause();
    calm_down_.schedule();
  }
  watch_.in_message_hook(side_, Hook::kMessage, index_);
}

// --- a server ---

// "memory:client-7"
static std::size_t number_in(const std::string& peer_address) {
  const std::size_t at = peer_address.find('-');
  return at == std::string::npos ? 0 : std::strtoul(peer_address.c_str() + at + 1, nullptr, 10);
}

Server::Server(EventLoop& loop, Watch& watch, unsigned index, std::string uri,
               ServerOptions options, std::size_t nervous, Doorman doorman)
    : SimulationServer(loop, std::move(uri), options),
      watch_(watch),
      index_(index),
      nervous_(nervous),
      doorman_(doorman),
      late_(loop, [this] { answer_late(); }),
      calm_down_(loop, [this] {
        for (const std::uint64_t id : std::exchange(nervous_clients_, {})) {
          if (Client* const client = find_client(id)) client->resume();
        }
      }) {}

Server::Client* Server::client(unsigned number) {
  for (Client& client : clients()) {
    if (number-- == 0) return &client;
  }
  return nullptr;
}

void Server::say(Client& client, Recipe recipe) {
  watch_.make_message(recipe, [&](const auto& message) {
    const bool before = client.connected();
    if (before) watch_.tries(side(client));
    client.send(message);
    if (before && client.connected()) watch_.sent(side(client), hash_of(message));
  });
  check_pending();
}

void Server::shout(Recipe recipe, const Client* except) {
  const SlowReader policy = options().slow_reader;
  // If some are left out, each must be unlike the others.
  if (policy != SlowReader::kDisconnect && recipe.form == Form::kEmpty) recipe.form = Form::kFlat;
  std::vector<std::uint64_t> ids;
  for (const Client& client : clients()) {
    if (&client != except) ids.push_back(client.id());
  }
  watch_.make_message(recipe, [&](const auto& message) {
    for (const std::uint64_t id : ids) watch_.tries(side(*find_client(id)));
    const bool sent = except != nullptr ? broadcast(message, *except) : broadcast(message);
    if (!sent) return;
    for (const std::uint64_t id : ids) {
      Client* const client = find_client(id);
      if (client == nullptr) continue;
      if (policy == SlowReader::kDisconnect) {
        watch_.sent(side(*client), hash_of(message));
      } else {
        watch_.offered(side(*client), recipe.form, hash_of(message),
                       policy == SlowReader::kKeepLatest);
      }
    }
  });
  check_pending();
}

void Server::check_pending() {
  const std::size_t kept = options().slow_reader == SlowReader::kKeepLatest ? 2 : 1;
  std::size_t total = 0;
  for (const Client& client : clients()) {
    watch_.check_pending(client.pending_bytes(), kept * options().max_pending_bytes,
                         options().max_payload_size);
    total += client.pending_bytes();
  }
  watch_.require(total <= options().max_total_pending_bytes + options().max_payload_size + 4 +
                              8 * client_count(),
                 "more is waiting than max_total_pending_bytes");
}

void Server::end() {
  for (Client& client : clients()) side(client).out->ended_at = loop().now();
  for (const Side* const each : up_) {
    if (each->in != nullptr) each->in->hurried = true;
  }
  stop();
}

// Also those that are ending already, which are not among the clients.
void Server::end_now() {
  for (const Side* const each : up_) hurry(*each);
  stop_now();
}

void Server::let_go(Duration deadline) {
  drain_end_ = loop().now() + deadline;
  watch_.drains();
  drain(deadline);
}

void Server::end(Client& client) {
  if (client.connected()) side(client).out->ended_at = loop().now();
  if (side(client).in != nullptr) side(client).in->hurried = true;
  client.disconnect();
}

void Server::end_now(Client& client) {
  hurry(side(client));
  client.disconnect_now();
}

bool Server::all_delivered() {
  bool all = true;
  for (Client& client : clients()) {
    const Side& its = side(client);
    all &= its.in != nullptr && its.in->complete() && its.out->complete();
    const std::size_t told_of = its.out->offers_delivered + client.dropped_broadcasts();
    watch_.require(told_of == its.out->offers_made, "a broadcast is lost without a word");
  }
  return all;
}

bool Server::on_client_arriving(const std::string& /*peer_address*/) {
  watch_.happens("arriving", index_, 0);
  return watch_.in_hook(Hook::kArriving, index_);
}

void Server::on_authenticate(Client& client) {
  watch_.happens("authenticate", index_, client.id());
  watch_.require(!client.connected(), "on_authenticate comes for one that is connected");
  watch_.require(find_client(client.id()) == nullptr, "a client is found that is not accepted");
  watch_.require(find_arriving(client.id()) == &client, "an arriving client is not found");
  if (doorman_.delay == Duration::zero()) return answer(client);
  unanswered_.emplace_back(loop().now() + doorman_.delay, client.id());
  late_.set(unanswered_.front().first);
}

void Server::answer_late() {
  while (!unanswered_.empty() && unanswered_.front().first <= loop().now()) {
    Client* const client = find_arriving(unanswered_.front().second);
    unanswered_.pop_front();
    if (client != nullptr) answer(*client);
  }
  if (!unanswered_.empty()) late_.set(unanswered_.front().first);
}

// From `accept` on it gets messages, also before on_client_connected.
void Server::answer(Client& client) {
  if (doorman_.refuses > 0 && client.id() % doorman_.refuses == 0) return client.refuse("not you");
  client.accept();
  if (!client.connected()) return;
  watch_.open(side(client), number_in(client.peer_address()));
  const First first = watch_.first_of(side(client));
  client.send(first);
  if (client.connected()) watch_.sent(side(client), hash_of(first));
}

void Server::on_client_connected(Client& client) {
  watch_.happens("server: connected", index_, client.id());
  watch_.require(client.connected(), "on_client_connected comes without a connection");
  watch_.require(side(client).up, "on_client_connected comes for one that was not accepted");
  watch_.require(client_count() <= options().max_clients, "there are more than max_clients");
  up_.push_back(&side(client));
  watch_.in_hook(Hook::kClientConnected, index_);
}

void Server::on_client_disconnected(Client& client, DisconnectReason reason) {
  watch_.happens("server: disconnected", index_,
                 client.id() << 8 | static_cast<std::uint64_t>(reason));
  watch_.require(!client.connected(), "on_client_disconnected comes while connected");
  watch_.require(find_client(client.id()) == nullptr, "a client is found that is gone");
  const auto up = std::find(up_.begin(), up_.end(), &side(client));
  if (up == up_.end()) {
    return watch_.require(false, "on_client_disconnected comes without on_client_connected");
  }
  up_.erase(up);
  if (reason == DisconnectReason::kDraining && loop().now() >= drain_end_) hurry(side(client));
  watch_.close(side(client), reason, options().linger);
  watch_.in_hook(Hook::kClientDisconnected, index_);
}

void Server::on_client_writable(Client& client) {
  watch_.happens("server: writable", index_, client.pending_bytes());
  watch_.require(client.connected(), "on_client_writable comes without a connection");
  watch_.in_hook(Hook::kClientWritable, index_);
}

void Server::on_client_behind(Client& client) {
  watch_.happens("server: behind", index_, client.pending_bytes());
  watch_.require(client.connected(), "on_client_behind comes without a connection");
}

void Server::on_first(Client& client, const First& message) {
  watch_.handle_first(side(client), message);
  received(client, Form::kEmpty, hash_of(message));
}

void Server::received(Client& client, Form form, std::uint64_t hash) {
  watch_.happens("server: received", index_, hash);
  watch_.require(client.connected() || watch_.drained(), "a message comes without a connection");
  watch_.require(!client.paused(), "a message comes during a pause");
  watch_.require(current_client() == &client, "current_client() is another");
  watch_.received(side(client), form, hash);
  if (nervous_ > 0 && ++received_ % nervous_ == 0) {
    client.pause();
    nervous_clients_.push_back(client.id());
    calm_down_.schedule();
  }
  watch_.in_message_hook(side(client), Hook::kServerMessage, index_);
}

}  // namespace messi::simulation
