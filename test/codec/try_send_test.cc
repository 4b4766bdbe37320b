// What try_send says, and that it refuses nothing.

#include <cstddef>
#include <string>

#include "flat.messi.h"
#include "strict.messi.h"
#include "test/catch.h"
#include "test/codec/sender.h"
#include "test/support/chat.h"

using messi::SendResult;
using messi::codec::try_send;
using messi::test::message;
using messi::test::Sender;

TEST_CASE("what try_send accepts is what send writes", "[codec]") {
  for (const std::size_t size : {0u, 1u, 1'000u, 40'000u, 2'000'000u}) {
    Sender sender;
    chat::ClientToServer wrapper;
    *wrapper.mutable_message_ind() = message(std::string(size, 'x'));
    CHECK(try_send(sender, 2, wrapper.message_ind()) == SendResult::kOk);
    CHECK(sender.payload() == wrapper.SerializeAsString());
    CHECK(sender.refused.empty());
  }
}

TEST_CASE("try_send sends large texts from where they lie", "[codec]") {
  Sender sender(100'000);
  flat::ClientToServer wrapper;
  wrapper.mutable_everything()->set_text(std::string(90'000, 'x'));
  CHECK(try_send(sender, 1, wrapper.everything(), flat::FlatCodec::kind_Everything) ==
        SendResult::kOk);
  CHECK(sender.in_pieces());
  CHECK(sender.payload() == wrapper.SerializeAsString());
  wrapper.mutable_everything()->set_text(std::string(100'000, 'x'));
  CHECK(try_send(sender, 1, wrapper.everything(), flat::FlatCodec::kind_Everything) ==
        SendResult::kTooBig);
  CHECK(sender.refused.empty());
}

TEST_CASE("try_send says why a message is not accepted, and leaves nothing of it", "[codec]") {
  Sender sender(1'000, 600);
  CHECK(try_send(sender, 2, message(std::string(1'000, 'x'))) == SendResult::kTooBig);
  CHECK(try_send(sender, 1, strict::Order()) == SendResult::kInvalid);
  flat::Everything bad;
  bad.set_text("caf\xe9");
  CHECK(try_send(sender, 1, bad, flat::FlatCodec::kind_Everything) == SendResult::kInvalid);
  flat::Repeated also_bad;
  also_bad.add_texts("caf\xe9");
  CHECK(try_send(sender, 3, also_bad, flat::FlatCodec::kind_Repeated) == SendResult::kInvalid);

  CHECK(try_send(sender, 2, message(std::string(900, 'x'))) == SendResult::kOk);  // alone
  CHECK(try_send(sender, 2, message("more")) == SendResult::kFull);
  CHECK(sender.refused.empty());
  chat::ClientToServer wrapper;
  *wrapper.mutable_message_ind() = message(std::string(900, 'x'));
  CHECK(sender.payload() == wrapper.SerializeAsString());
}
