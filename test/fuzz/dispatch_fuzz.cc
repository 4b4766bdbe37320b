// A payload means to the generated dispatch what it means to protobuf's own parser of the wrapper
// message: the same verdict, the same member with the same content, and the same number if no
// member is known. And what a member is sent as means the same again.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "chat.messi.h"
#include "flat.messi.h"
#include "messi/testing/manual_loop.h"
#include "nesting.messi.h"
#include "proto2.messi.h"
#include "strict.messi.h"
#include "test/codec/sender.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/quiet.h"
#include "texts.messi.h"

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;

std::string encoded(const Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);  // maps too
    message.SerializePartialToCodedStream(&out);
  }
  return bytes;
}

/// What a payload is.
struct Meaning {
  bool legal = false;
  std::uint32_t member = 0;   // 0: none that is known
  std::uint32_t unknown = 0;  // the number of the first field, if there is none that is known
  std::string content;

  friend bool operator==(const Meaning& a, const Meaning& b) {
    return a.legal == b.legal && a.member == b.member && a.unknown == b.unknown &&
           a.content == b.content;
  }
};

Meaning by_protobuf(Message& wrapper, const std::string& payload) {
  Meaning meaning;
  wrapper.Clear();
  meaning.legal = wrapper.ParsePartialFromString(payload) && wrapper.IsInitialized();
  if (!meaning.legal) return meaning;
  const FieldDescriptor* const member = wrapper.GetReflection()->GetOneofFieldDescriptor(
      wrapper, wrapper.GetDescriptor()->oneof_decl(0));
  if (member != nullptr) {
    meaning.member = static_cast<std::uint32_t>(member->number());
    meaning.content = encoded(wrapper.GetReflection()->GetMessage(wrapper, member));
    return meaning;
  }
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const std::uint8_t*>(payload.data()), static_cast<int>(payload.size()));
  meaning.unknown = stream.ReadTag() >> 3;
  return meaning;
}

/// Client is a generated client, whose dispatch is called without a connection.
template <typename Client>
class Probe : public Client {
 public:
  Probe() : Client(loop_, "tcp://nowhere:1") {}

  Meaning meaning(std::string_view payload) {
    seen_ = {};
    number_ = 0;
    seen_.legal = dispatch(payload);
    return seen_;
  }
  /// The same member, as it is sent.
  const std::string& sent() const { return sent_; }

 protected:
  void saw(const Message& message, const messi::codec::Kind& kind = messi::codec::kOther) {
    seen_.member = number_;
    seen_.content = encoded(message);
    messi::test::Sender sender;
    messi::codec::send(sender, number_, message, kind);
    require(sender.refused.empty(), "what was received can be sent");
    sent_ = sender.payload();
  }

 private:
  using messi::ClientBase::dispatch;
  bool on_any_message(std::uint32_t field_number) override {
    require(number_ == 0, "one payload is one message");
    number_ = field_number;
    return true;
  }
  void on_unknown_message(std::uint32_t field_number) override { seen_.unknown = field_number; }

  static messi::testing::ManualLoop loop_;
  Meaning seen_;
  std::string sent_;
  std::uint32_t number_ = 0;
};
template <typename Client>
messi::testing::ManualLoop Probe<Client>::loop_;

class Chat final : public Probe<chat::ChatClient> {
  void on_connect_rsp(const chat::ConnectRsp& message) override { saw(message); }
  void on_message_ind(const chat::MessageInd& message) override {
    saw(message, chat::ChatCodec::kind_MessageInd);
  }
};

class Flat final : public Probe<flat::FlatClient> {
  void on_everything(const flat::Everything& message) override {
    saw(message, flat::FlatCodec::kind_Everything);
  }
  void on_empty(const flat::Empty& message) override { saw(message); }
  void on_repeated(const flat::Repeated& message) override {
    saw(message, flat::FlatCodec::kind_Repeated);
  }
  void on_chosen(const flat::Chosen& message) override {
    saw(message, flat::FlatCodec::kind_Chosen);
  }
  void on_nested(const flat::Nested& message) override { saw(message); }
  void on_mapped(const flat::Mapped& message) override {
    saw(message, flat::FlatCodec::kind_Mapped);
  }
  void on_cord(const flat::Cord& message) override { saw(message, flat::FlatCodec::kind_Cord); }
  void on_keywords(const flat::Keywords& message) override {
    saw(message, flat::FlatCodec::kind_Keywords);
  }
};

class Strict final : public Probe<strict::StrictClient> {
  void on_order(const strict::Order& message) override { saw(message); }
  void on_tree(const strict::Tree& message) override { saw(message); }
};

class Proto2 final : public Probe<proto2::Proto2Client> {
  void on_grouped(const proto2::Grouped& message) override { saw(message); }
};

class Nesting final : public Probe<nesting::NestingClient> {
  void on_chain(const nesting::Chain& message) override { saw(message); }
};

class Texts final : public Probe<texts::TextsClient> {
  void on_flat(const texts::Flat& message) override { saw(message, texts::TextsCodec::kind_Flat); }
  void on_nested(const texts::Nested& message) override {
    saw(message, texts::TextsCodec::kind_Nested);
  }
};

template <typename ThisProbe, typename Wrapper>
void check(const std::string& payload) {
  static auto* const probe = new ThisProbe;
  static auto* const wrapper = new Wrapper;
  const Meaning seen = probe->meaning(payload);
  const Meaning meant = by_protobuf(*wrapper, payload);
  require(seen.legal == meant.legal, "a payload is as legal as protobuf says");
  if (!meant.legal) return;
  require(seen == meant, "a payload means what protobuf says");
  if (meant.member == 0) return;
  require(by_protobuf(*wrapper, probe->sent()) == meant, "a member is sent as what it means");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  FuzzedInput input(data, size);
  const std::size_t schema = input.below(6);
  const std::string payload(input.rest());
  switch (schema) {
    case 0:
      check<Chat, chat::ServerToClient>(payload);
      break;
    case 1:
      check<Flat, flat::ServerToClient>(payload);
      break;
    case 2:
      check<Strict, strict::ServerToClient>(payload);
      break;
    case 3:
      check<Proto2, proto2::ServerToClient>(payload);
      break;
    case 4:
      check<Nesting, nesting::ServerToClient>(payload);
      break;
    default:
      check<Texts, texts::ServerToClient>(payload);
  }
  return 0;
}
