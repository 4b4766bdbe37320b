#include "test/simulation/actors.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/calls/call_counts.h"
#include "messi/statistics.h"

namespace messi::simulation {

/// What is sent or received from now on need not arrive.
static void hurry(const Side& side) {
  side.out->hurried = true;
  if (side.in != nullptr) side.in->hurried = true;
}

/// How many calls could not be sent. It is known before their callbacks are called.
static std::uint64_t count_not_sent(const std::shared_ptr<Statistics>& statistics) {
  return statistics->read().calls[CallEnd::kNotSent];
}

template <typename Reply>
static void note_end(Watch& watch, CallRecord& call, const CallResult<Reply>& result,
                     TimePoint now) {
  if (result.ok()) {
    watch.calls().ended_well(call, result->call(), hash_of(*result), now);
  } else {
    watch.calls().ended_badly(call, result.status(), now);
  }
}

/// What the trace has of the end of a call.
static std::uint64_t detail_of(const CallRecord& call, const AnyCallResult& result) {
  const auto code = result.ok() ? absl::StatusCode::kOk : result.status().code();
  return call.number << 8 | static_cast<std::uint64_t>(code);
}

/// The hash of a payload, as its receiver would make it.
template <typename Envelope>
static std::uint64_t hash_of_payload(std::string_view payload) {
  Envelope envelope;
  if (!envelope.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return 0;
  switch (envelope.messages_case()) {
    case Envelope::kFirst:
      return hash_of(envelope.first());
    case Envelope::kEmpty:
      return hash_of(envelope.empty());
    case Envelope::kFlat:
      return hash_of(envelope.flat());
    case Envelope::kText:
      return hash_of(envelope.text());
    case Envelope::kNested:
      return hash_of(envelope.nested());
    default:
      return 0;  // a request, or an answer
  }
}

// --- a client ---

Client::Client(EventLoop& loop, Watch& watch, unsigned index, std::string uri,
               ClientOptions options, Manners manners)
    : SimulationClient(loop, std::move(uri), std::move(options)),
      watch_(watch),
      index_(index),
      manners_(manners),
      calm_down_(loop, [this] { resume(); }),
      callee_(loop, watch, [this](std::uint64_t /*who*/) { return connected(); }) {}

/// What is sent now belongs to it; null if nothing is accepted.
Journal* Client::out() {
  if (side_.up && connected()) return side_.out;
  if (!wants_session()) return nullptr;
  // The next session begins when the one before is over, which may not have been told yet.
  const bool begun = !waiting_.empty() && !waiting_.back()->refused && pending_bytes() > 0;
  if (begun) return waiting_.back();
  Journal& journal = watch_.begin_journal();
  if (!pass(watch_.first_of(journal), journal, /*tries=*/false)) {
    watch_.forget_last_journal();
    return nullptr;
  }
  waiting_.push_back(&journal);
  return &journal;
}

/// Sends a message; whether it was accepted.
template <typename Message>
bool Client::pass(const Message& message, Journal& journal, bool tries) {
  const bool before = connected();
  const std::size_t pending = pending_bytes();
  watch_.tries(journal, pending, options().max_pending_bytes);
  bool accepted = false;
  if (tries) {
    const SendResult result = try_send(message);
    accepted = result == SendResult::kOk;
    watch_.check_result(result, before, pending);
    watch_.require(connected() == before, "try_send has ended a connection");
    // To find room it writes, and what the connection has to say may be queued for that.
    watch_.require(accepted || pending_bytes() <= pending + watch_.most_service_bytes(),
                   "a message waits that was refused");
  } else {
    send(message);
    accepted = before ? connected() : pending_bytes() > pending;
    if (!accepted && !stopped()) watch_.refuse(journal);
  }
  if (accepted) watch_.sent(journal, hash_of(message));
  return accepted;
}

void Client::say(Recipe recipe) {
  Journal* const journal = out();
  watch_.make_message(recipe, [&](const auto& message) {
    if (journal != nullptr) {
      pass(message, *journal, manners_.tries);
    } else if (manners_.tries) {
      watch_.require(try_send(message) == SendResult::kNotConnected,
                     "a message is accepted without a connection");
    } else {
      send(message);  // and dropped
    }
  });
  const std::size_t sessions = watch_.drained() ? 2 : 1;
  watch_.check_pending(pending_bytes(), sessions * options().max_pending_bytes,
                       options().max_payload_size);
}

void Client::say_bad() {
  Journal* const journal = out();
  const bool before = connected();
  const std::size_t pending = pending_bytes();
  if (manners_.tries) {
    watch_.require(try_send(watch_.bad_text()) != SendResult::kOk,
                   "a text that is not UTF-8 was accepted");
    return watch_.require(connected() == before, "try_send has ended a connection");
  }
  send(watch_.bad_text());
  const bool accepted = before ? connected() : pending_bytes() > pending;
  watch_.require(!accepted, "a text that is not UTF-8 was accepted");
  if (journal != nullptr && !stopped()) watch_.refuse(*journal);
}

void Client::ask(std::size_t size, Duration timeout) {
  Journal* const journal = out();
  const bool before = connected();
  CallRecord& call = watch_.calls().begin(journal, before, loop().now(), timeout);
  const auto request = watch_.request_of<AskReq>(call, size);
  if (journal != nullptr) watch_.tries(*journal, pending_bytes(), options().max_pending_bytes);
  const std::uint64_t not_sent = count_not_sent(options().statistics);
  Call made = call_ask_req(request, timeout,
                           [this, token = CallLog::Token(call)](CallResult<AskRsp> result) {
                             handle_end(token.call(), result);
                           });
  watch_.require(connected() == before, "a call has ended a connection");
  watch_.calls().sent(call, count_not_sent(options().statistics) == not_sent, loop().now());
  if (!call.accepted) return;
  watch_.sent(*journal, hash_of(request));
  ++journal->said;
  last_calls_.add(call, std::move(made));
}

void Client::handle_end(CallRecord& call, const CallResult<AskRsp>& result) {
  watch_.happens("client: a call is over", index_, detail_of(call, result));
  note_end(watch_, call, result, loop().now());
  if (side_.up && !side_.detached) {
    watch_.in_message_hook(side_, Hook::kCallOver, index_);
  } else {
    watch_.in_hook(Hook::kCallOver, index_);
  }
}

void Client::on_ask_rsp(const AskRsp& /*message*/) {
  watch_.require(false, "an answer comes that no call waits for");
}

void Client::on_tell_req(const TellReq& request) {
  hear(Form::kEmpty, hash_of(request));
  if (side_.up) {
    callee_.handle(
        request, 0, side_, [this] { return answer_later_tell_req(); },
        [this](const TellRsp& answer) { reply(answer); });
  }
  watch_.in_message_hook(side_, Hook::kMessage, index_);
}

// A client that is let go already gets no more messages either.
void Client::end(Duration linger) {
  if (side_.up && !side_.out->ended_at) linger_ = linger;
  if (connected()) side_.out->ended_at = loop().now();
  if (side_.up && side_.in != nullptr) side_.in->hurried = true;
  ask_for_end();
  close(linger);
}

void Client::end_now() {
  if (side_.up) hurry(side_);
  ask_for_end();
  stop_now();
}

void Client::ask_for_end() {
  watch_.ends();
  if (side_.up) side_.out->asked = true;
  for (Journal* const journal : waiting_) journal->asked = true;
}

void Client::vanish() {
  watch_.ends();
  for (Journal* const journal : waiting_) journal->gone = true;
  if (!side_.up) return;
  side_.out->gone = true;
  hurry(side_);
}

void Client::check_acknowledged() {
  if (side_.up && connected()) watch_.check_unacknowledged(*side_.out, unacknowledged());
}

void Client::on_connected() {
  watch_.happens("client connected", index_, 0);
  Journal* waited = nullptr;
  if (!waiting_.empty()) {
    waited = waiting_.front();
    waiting_.pop_front();
  }
  // What tells a client that there is no session may be a farewell.
  watch_.require(connected() || watch_.drained() || (waited != nullptr && waited->asked),
                 "on_connected comes without a connection");
  watch_.open(side_, waited != nullptr ? *waited : watch_.begin_journal());
  if (waited == nullptr) pass(watch_.first_of(*side_.out), *side_.out, /*tries=*/false);
  side_.out->session = unacknowledged() > 0;
  const bool both = wants_session() && watch_.session_mode(uri()) != SessionMode::kOff;
  watch_.require(side_.out->session == both || !connected(),
                 "there is a session that not both sides want, or none that both want");
  watch_.in_hook(Hook::kConnected, index_);
}

void Client::on_disconnected(DisconnectReason reason) {
  watch_.happens("client disconnected", index_, static_cast<std::uint64_t>(reason));
  watch_.require(!connected(), "on_disconnected comes while connected");
  watch_.close(side_, reason, linger_);
  watch_.in_hook(Hook::kDisconnected, index_);
}

void Client::on_detached(DisconnectReason reason) {
  watch_.happens("client detached", index_, static_cast<std::uint64_t>(reason));
  watch_.detach(side_, reason);
  watch_.require(!connected() || detached(), "on_detached comes with a connection");
  watch_.in_hook(Hook::kDetached, index_);
}

void Client::on_resumed(std::uint64_t replayed) {
  watch_.happens("client resumed", index_, replayed);
  watch_.resume(side_, replayed);
  watch_.require(!detached(), "on_resumed comes without a connection");
  watch_.in_hook(Hook::kResumed, index_);
}

// Also what waited for a session in vain is lost.
void Client::on_session_lost(const SessionLoss& loss) {
  watch_.happens("client lost its session", index_, static_cast<std::uint64_t>(loss.reason));
  Side never;
  if (!side_.up) {
    if (waiting_.empty()) return watch_.require(false, "a session is lost that there was not");
    never.out = waiting_.front();
    waiting_.pop_front();
  }
  watch_.lose(side_.up ? side_ : never, loss, /*is_server=*/false, linger_,
              hash_of_payload<::simulation::ClientToServer>);
  watch_.in_hook(Hook::kSessionLost, index_);
}

std::optional<Duration> Client::on_connect_failure(const absl::Status& error) {
  watch_.happens("client failed to connect", index_, static_cast<std::uint64_t>(error.code()));
  watch_.require(!side_.up || side_.detached, "on_connect_failure comes while connected");
  if (!watch_.in_hook(Hook::kConnectFailure, index_)) {
    ask_for_end();
    if (side_.up) hurry(side_);  // nothing is waited for any more
    return std::nullopt;
  }
  return SimulationClient::on_connect_failure(error);
}

void Client::on_writable() {
  watch_.happens("client writable", index_, pending_bytes());
  watch_.require(connected() || watch_.drained(), "on_writable comes without a connection");
  watch_.require(pending_bytes() <= options().max_pending_bytes / 2, "on_writable comes too early");
  watch_.in_hook(Hook::kWritable, index_);
}

void Client::on_first(const First& message) {
  watch_.handle_first(side_, message);
  received(Form::kEmpty, hash_of(message));
}

void Client::received(Form form, std::uint64_t hash) {
  hear(form, hash);
  watch_.in_message_hook(side_, Hook::kMessage, index_);
}

void Client::hear(Form form, std::uint64_t hash) {
  watch_.happens("client received", index_, hash);
  watch_.require(connected() || watch_.drained(), "a message comes without a connection");
  watch_.require(!paused(), "a message comes during a pause");
  watch_.received(side_, form, hash);
  check_acknowledged();
  if (manners_.nervous > 0 && ++received_ % manners_.nervous == 0) {
    pause();
    calm_down_.schedule();
  }
}

// --- a server ---

// "memory:client-7"
static std::size_t number_in(const std::string& peer_address) {
  const std::size_t at = peer_address.find('-');
  return at == std::string::npos ? 0 : std::strtoul(peer_address.c_str() + at + 1, nullptr, 10);
}

Server::Server(EventLoop& loop, Watch& watch, unsigned index, std::string uri,
               ServerOptions options, Manners manners, Doorman doorman)
    : SimulationServer(loop, std::move(uri), options),
      watch_(watch),
      index_(index),
      manners_(manners),
      doorman_(doorman),
      late_(loop, [this] { answer_late(); }),
      calm_down_(loop,
                 [this] {
                   for (const std::uint64_t id : std::exchange(nervous_clients_, {})) {
                     if (Client* const client = find_client(id)) client->resume();
                   }
                 }),
      callee_(loop, watch, [this](std::uint64_t who) { return find_client(who) != nullptr; }) {}

Server::Client* Server::client(unsigned number) {
  for (Client& client : clients()) {
    if (number-- == 0) return &client;
  }
  return nullptr;
}

void Server::say(Client& client, Recipe recipe) {
  watch_.make_message(recipe, [&](const auto& message) { pass(message, client, manners_.tries); });
  check_pending();
}

/// Sends a message; whether it was accepted.
template <typename Message>
bool Server::pass(const Message& message, Client& client, bool tries) {
  const bool before = client.connected();
  const std::size_t pending = client.pending_bytes();
  Journal* const journal = before ? side(client).out : nullptr;
  if (before) watch_.tries(*journal, pending, options().max_pending_bytes);
  bool accepted = false;
  if (tries) {
    const SendResult result = client.try_send(message);
    accepted = result == SendResult::kOk;
    watch_.check_result(result, before, pending);
    watch_.require(client.connected() == before, "try_send has ended a connection");
    watch_.require(accepted || client.pending_bytes() <= pending + watch_.most_service_bytes(),
                   "a message waits that was refused");
  } else {
    client.send(message);
    accepted = before && client.connected();
    if (before && !accepted) watch_.refuse(*journal);
  }
  if (accepted) watch_.sent(*journal, hash_of(message));
  return accepted;
}

void Server::shout(Recipe recipe, const Client* except) {
  const SlowReader policy = options().slow_reader;
  // If some are left out, each must be unlike the others.
  const bool may_repeat = recipe.form == Form::kEmpty || recipe.size < 100;
  if (policy != SlowReader::kDisconnect && may_repeat) recipe.form = Form::kFlat;
  std::vector<std::uint64_t> ids;
  for (const Client& client : clients()) {
    if (&client != except) ids.push_back(client.id());
  }
  watch_.make_message(recipe, [&](const auto& message) {
    std::vector<Journal*> journals;
    for (const std::uint64_t id : ids) {
      Client& client = *find_client(id);
      journals.push_back(side(client).out);
      watch_.tries(*journals.back(), client.pending_bytes(), options().max_pending_bytes);
    }
    const bool sent = except != nullptr ? broadcast(message, *except) : broadcast(message);
    if (!sent) return;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      Client* const client = find_client(ids[i]);
      if (client == nullptr) {
        watch_.refuse(*journals[i]);
        journals[i]->perhaps = hash_of(message);
      } else if (policy == SlowReader::kDisconnect) {
        watch_.sent(*journals[i], hash_of(message));
      } else {
        watch_.offered(side(*client), recipe.form, hash_of(message),
                       policy == SlowReader::kKeepLatest);
      }
    }
  });
  check_pending();
}

void Server::ask(Client& client, std::size_t size, Duration timeout) {
  const bool before = client.connected();
  Journal* const journal = before ? side(client).out : nullptr;
  CallRecord& call = watch_.calls().begin(journal, before, loop().now(), timeout);
  const auto request = watch_.request_of<TellReq>(call, size);
  if (before) watch_.tries(*journal, client.pending_bytes(), options().max_pending_bytes);
  const std::uint64_t not_sent = count_not_sent(options().statistics);
  Call made = client.call_tell_req(
      request, timeout,
      [this, id = client.id(), token = CallLog::Token(call)](CallResult<TellRsp> result) {
        handle_end(id, token.call(), result);
      });
  watch_.require(client.connected() == before, "a call has ended a connection");
  watch_.calls().sent(call, count_not_sent(options().statistics) == not_sent, loop().now());
  if (!call.accepted) return;
  watch_.sent(*journal, hash_of(request));
  ++journal->said;
  last_calls_.add(call, std::move(made));
}

void Server::handle_end(std::uint64_t id, CallRecord& call, const CallResult<TellRsp>& result) {
  watch_.happens("server: a call is over", index_, detail_of(call, result));
  note_end(watch_, call, result, loop().now());
  Client* const client = find_client(id);
  if (client != nullptr && !side(*client).detached) {
    watch_.in_message_hook(side(*client), Hook::kClientCallOver, index_);
  } else {
    watch_.in_hook(Hook::kClientCallOver, index_);
  }
}

void Server::on_tell_rsp(Client& /*client*/, const TellRsp& /*message*/) {
  watch_.require(false, "an answer comes that no call waits for");
}

void Server::on_ask_req(Client& client, const AskReq& request) {
  hear(client, Form::kEmpty, hash_of(request));
  callee_.handle(
      request, client.id(), side(client), [this] { return answer_later_ask_req(); },
      [this](const AskRsp& answer) { reply(answer); });
  watch_.in_message_hook(side(client), Hook::kServerMessage, index_);
}

void Server::check_pending() {
  const std::size_t kept = options().slow_reader == SlowReader::kKeepLatest ? 2 : 1;
  std::size_t total = 0;
  for (const Client& client : clients()) {
    watch_.check_pending(client.pending_bytes(), kept * options().max_pending_bytes,
                         options().max_payload_size);
    total += client.pending_bytes();
  }
  const std::size_t service = watch_.most_service_bytes() - wire::kMostCloseSize;
  watch_.require(total <= options().max_total_pending_bytes + options().max_payload_size + 4 +
                              service * client_count(),
                 "more is waiting than max_total_pending_bytes");
}

void Server::end() {
  watch_.ends();
  for (Client& client : clients()) side(client).out->ended_at = loop().now();
  for (Client& client : clients()) side(client).out->asked = true;
  for (const Side* const each : up_) {
    each->out->asked = true;
    if (each->in != nullptr) each->in->hurried = true;
  }
  stop();
}

// Also those that are ending already, which are not among the clients.
void Server::end_now() {
  watch_.ends();
  for (Client& client : clients()) side(client).out->asked = true;
  for (const Side* const each : up_) {
    each->out->asked = true;
    hurry(*each);
  }
  stop_now();
}

void Server::vanish() {
  watch_.ends();
  for (Client& client : clients()) side(client).out->gone = true;
  for (const Side* const each : up_) {
    each->out->gone = true;
    hurry(*each);
  }
}

std::size_t Server::attached() {
  std::size_t count = 0;
  for (const Client& client : clients()) count += client.detached() ? 0 : 1;
  return count;
}

bool Server::is_away(const Journal& journal) {
  for (Client& client : clients()) {
    if (side(client).out == &journal) return client.detached();
  }
  return false;
}

void Server::check_acknowledged() {
  for (Client& client : clients()) {
    watch_.check_unacknowledged(*side(client).out, client.unacknowledged());
  }
}

void Server::let_go(Duration deadline) {
  drain_end_ = loop().now() + deadline;
  watch_.ends();
  watch_.drains();
  drain(deadline);
}

void Server::end(Client& client) {
  watch_.ends();
  if (client.connected()) side(client).out->ended_at = loop().now();
  side(client).out->asked = true;
  if (side(client).in != nullptr) side(client).in->hurried = true;
  client.disconnect();
}

void Server::end_now(Client& client) {
  watch_.ends();
  side(client).out->asked = true;
  hurry(side(client));
  client.disconnect_now();
}

bool Server::all_delivered() {
  bool all = true;
  for (Client& client : clients()) {
    if (client.detached()) continue;
    const Side& its = side(client);
    all &= client.unacknowledged() == 0;
    all &= its.in != nullptr && its.in->complete() && its.out->complete();
    const std::size_t told_of = its.out->offers_delivered + client.dropped_broadcasts();
    watch_.require(told_of == its.out->offers_made, "a broadcast is lost without a word");
  }
  return all;
}

bool Server::on_client_arriving(const std::string& peer_address) {
  watch_.happens("arriving", index_, 0);
  watch_.arrives(number_in(peer_address));
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

// From `accept` on it gets messages, also before on_client_connected. If it resumes a session, that
// session's client goes on, and this one is no more.
void Server::answer(Client& client) {
  if (doorman_.refuses > 0 && client.id() % doorman_.refuses == 0) return client.refuse("not you");
  client.accept();
  if (!client.connected()) return;
  watch_.open(side(client), watch_.begin_journal(), number_in(client.peer_address()));
  Journal& journal = *side(client).out;
  pass(watch_.first_of(journal), client, /*tries=*/false);
  journal.session = client.unacknowledged() > 0;
  watch_.require(journal.session || options().session != SessionMode::kRequired,
                 "a client without a session is accepted");
}

void Server::on_client_connected(Client& client) {
  watch_.happens("server: connected", index_, client.id());
  watch_.require(client.connected(), "on_client_connected comes without a connection");
  watch_.require(side(client).up, "on_client_connected comes for one that was not accepted");
  std::size_t count = 0;
  for ([[maybe_unused]] const Client& each : clients()) ++count;
  watch_.require(count <= options().max_clients, "there are more than max_clients");
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
  // The end of a drain waits for nobody, also not for those that were disconnected before.
  const std::optional<TimePoint>& ended_at = side(client).out->ended_at;
  const bool drained =
      reason == DisconnectReason::kDraining || (ended_at && *ended_at < drain_end_);
  if (drained && loop().now() >= drain_end_) hurry(side(client));
  watch_.close(side(client), reason, options().linger);
  watch_.in_hook(Hook::kClientDisconnected, index_);
}

void Server::on_client_detached(Client& client, DisconnectReason reason) {
  watch_.happens("server: detached", index_, client.id() << 8 | static_cast<std::uint64_t>(reason));
  watch_.require(find_client(client.id()) == &client, "a detached client is not found");
  watch_.detach(side(client), reason);
  watch_.in_hook(Hook::kClientDetached, index_);
}

void Server::on_client_resumed(Client& client, std::uint64_t replayed) {
  watch_.happens("server: resumed", index_, client.id() << 32 | replayed);
  watch_.require(client.connected() && !client.detached(), "a client is resumed that is away");
  watch_.resume(side(client), replayed, number_in(client.peer_address()));
  watch_.in_hook(Hook::kClientResumed, index_);
}

void Server::on_client_session_lost(Client& client, const SessionLoss& loss) {
  watch_.happens("server: lost a session", index_,
                 client.id() << 8 | static_cast<std::uint64_t>(loss.reason));
  watch_.lose(side(client), loss, /*is_server=*/true, options().linger,
              hash_of_payload<::simulation::ServerToClient>);
  watch_.in_hook(Hook::kClientSessionLost, index_);
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
  hear(client, form, hash);
  watch_.in_message_hook(side(client), Hook::kServerMessage, index_);
}

void Server::hear(Client& client, Form form, std::uint64_t hash) {
  watch_.happens("server: received", index_, hash);
  watch_.require(client.connected() || watch_.drained(), "a message comes without a connection");
  watch_.require(!client.paused(), "a message comes during a pause");
  watch_.require(current_client() == &client, "current_client() is another");
  watch_.received(side(client), form, hash);
  watch_.check_unacknowledged(*side(client).out, client.unacknowledged());
  if (manners_.nervous > 0 && ++received_ % manners_.nervous == 0) {
    client.pause();
    nervous_clients_.push_back(client.id());
    calm_down_.schedule();
  }
}

}  // namespace messi::simulation
