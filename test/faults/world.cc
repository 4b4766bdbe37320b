#include "test/faults/world.h"

#include <algorithm>
#include <new>

#include "messi/system_error.h"

namespace messi::test {

namespace {

constexpr const char* kToAll = "all";
constexpr const char* kRoom = "a group whose name is too long to need no memory";

/// "<number> <filler>"
chat::MessageInd numbered(const std::string& user, std::size_t number, std::size_t size) {
  chat::MessageInd message;
  message.set_user(user);
  std::string text = std::to_string(number) + ' ';
  if (text.size() < size) text.append(size - text.size(), static_cast<char>('a' + number % 26));
  message.set_text(std::move(text));
  return message;
}

std::size_t number_of(const chat::MessageInd& message) {
  const std::string& text = message.text();
  const std::size_t number = std::stoul(text);
  const std::size_t filler = text.find(' ') + 1;
  const char letter = static_cast<char>('a' + number % 26);
  expect(text.find_first_not_of(letter, filler) == std::string::npos, "a message has changed");
  return number;
}

}  // namespace

void World::turn(Duration patience) {
  try {
    loop.poll(patience);
  } catch (const std::bad_alloc&) {
    ++out_of_memory_;
  }
}

void World::until(const std::string& what, const std::function<bool()>& condition) {
  constexpr int kMostTurns = 100'000;
  const TimePoint end = loop.now() + std::chrono::minutes(1);
  for (int turns = 0; !condition(); ++turns) {
    if (loop.now() >= end) throw Violation("this never happened: " + what);
    if (turns == kMostTurns) throw Violation("the loop spins, and this never happened: " + what);
    turn(std::chrono::seconds(1));
  }
}

void World::run_for(Duration duration) {
  const TimePoint end = loop.now() + duration;
  while (loop.now() < end) turn(end - loop.now());
}

void World::attempt(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::bad_alloc&) {
    ++out_of_memory_;
    call();
  }
}

void World::start(Host& server) {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    absl::Status status;
    attempt([&] { status = server.start(); });
    if (status.ok()) return;
    expect(!status.message().empty() && status.code() != absl::StatusCode::kInvalidArgument,
           "a server that does not start gives no reason");
    happened("server: not started");
    run_for(std::chrono::milliseconds(100));
  }
  throw Violation("the server never starts");
}

bool World::all_arrived() const {
  return std::all_of(records_.begin(), records_.end(), [](const Record& each) {
    return each.received_up == each.sent_up && each.received_down == each.sent_down;
  });
}

void Talker::say(std::size_t messages, std::size_t size) {
  for (std::size_t i = 0; i < messages; ++i) {
    if (!connected()) return;
    world_.attempt([&] {
      const chat::MessageInd message =
          numbered(std::to_string(id_), world_.record(id_).sent_up, size);
      ++world_.record(id_).sent_up;
      try {
        if (uses_sender && !sender_) sender_.emplace(*this);
        if (uses_sender) {
          expect(sender_->send(message) == SendResult::kOk, "a sender refuses a message");
        } else {
          send(message);
        }
      } catch (const std::bad_alloc&) {
        --world_.record(id_).sent_up;
        throw;
      }
    });
  }
}

void Talker::on_connected() {
  expect(!up_ && connected(), "connected twice");
  up_ = true;
  ++connections;
  id_ = world_.new_record();
  world_.happened("client: connected");
  chat::ConnectReq message;
  message.set_user(std::to_string(id_));
  send(message);
  if (then) then();
}

void Talker::on_disconnected(DisconnectReason reason) {
  expect(up_ && !connected(), "disconnected twice");
  expect(pending_bytes() == 0, "something waits for no connection");
  up_ = false;
  ++ends;
  world_.happened("client: " + std::string(to_string(reason)));
}

std::optional<Duration> Talker::on_connect_failure(const absl::Status& error) {
  expect(!up_ && !connected(), "an attempt failed while there is a connection");
  expect(!error.ok() && !error.message().empty(), "an attempt failed for no reason");
  expect(error.code() != absl::StatusCode::kInvalidArgument, "this error would be final");
  ++failures;
  world_.happened("client: failed, " + std::to_string(errno_of(error)));
  return ChatClient::on_connect_failure(error);
}

void Talker::on_message_ind(const chat::MessageInd& message) {
  expect(up_ && connected(), "a message without a connection");
  Record& record = world_.record(id_);
  const std::size_t number = number_of(message);
  if (message.user() == kToAll) {
    expect(number == record.first_broadcast + record.broadcasts, "a broadcast is not in its turn");
    ++record.broadcasts;
  } else {
    expect(message.user() == std::to_string(id_), "a message of another connection");
    expect(number == record.received_down, "a message is not in its turn");
    ++record.received_down;
    expect(record.received_down <= record.sent_down, "a message that was never sent");
  }
  ++heard;
  if (on_each) on_each();
}

void Host::say(Client& client, std::size_t messages, std::size_t size) {
  const std::string id = client.state<std::string>();
  Record& record = world_.record(std::stoul(id));
  for (std::size_t i = 0; i < messages && client.connected(); ++i) {
    world_.attempt([&] {
      const chat::MessageInd message = numbered(id, record.sent_down, size);
      ++record.sent_down;
      try {
        if (uses_senders) {
          const Client::Sender& sender = senders_.try_emplace(id, client).first->second;
          expect(sender.send(message) == SendResult::kOk, "a sender refuses a message");
        } else {
          client.send(message);
        }
      } catch (const std::bad_alloc&) {
        --record.sent_down;
        throw;
      }
    });
  }
}

void Host::say_to_all(std::size_t messages, std::size_t size) {
  for (std::size_t i = 0; i < messages; ++i) {
    world_.attempt([&] {
      const chat::MessageInd message = numbered(kToAll, broadcasts_, size);
      expect(groups ? group(kRoom).send(message) : broadcast(message), "nobody is told");
    });
    ++broadcasts_;
  }
}

void Host::on_client_connected(Client& client) {
  expect(client.connected(), "a client that is not connected has come");
  world_.happened("server: connected");
}

void Host::on_client_disconnected(Client& client, DisconnectReason reason) {
  expect(!client.connected(), "a client has gone that is connected");
  ++ends;
  if (!client.state<std::string>().empty()) --known;
  world_.attempt([&] {
    const bool is_in = groups && !client.state<std::string>().empty();
    expect(groups_of(client).size() == (is_in ? 2U : 0U), "a client is not in its groups");
  });
  world_.happened("server: " + std::string(to_string(reason)));
}

void Host::on_client_refused(const std::string& /*peer_address*/, DisconnectReason reason) {
  ++refused;
  world_.happened("server: refused, " + std::string(to_string(reason)));
}

void Host::on_connect_req(Client& client, const chat::ConnectReq& message) {
  client.state<std::string>() = message.user();
  if (groups) {
    world_.attempt([&] { group(kRoom).join(client); });
    world_.attempt([&] { group(client.id()).join(client); });
  }
  world_.record(std::stoul(message.user())).first_broadcast = broadcasts_;
  ++known;
  say(client, greetings, greeting_size);
}

void Host::on_message_ind(Client& client, const chat::MessageInd& message) {
  expect(client.connected(), "a message of a client that is not connected");
  expect(message.user() == client.state<std::string>(), "a message of another connection");
  Record& record = world_.record(std::stoul(message.user()));
  expect(number_of(message) == record.received_up, "a message is not in its turn");
  ++record.received_up;
  expect(record.received_up <= record.sent_up, "a message that was never sent");
  ++heard;
  if (on_each) on_each(client);
}

}  // namespace messi::test
