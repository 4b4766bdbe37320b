// A client's and a server's side of TLS, and somebody between them who cuts, changes, repeats,
// drops and invents bytes; or one side alone, with a peer that sends anything. Whatever happens in
// between, what one side hears is the beginning of what the other one has said; and if the other
// one is said to have ended in order, it is all of it.

#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/stream.h"
#include "messi/io/tls/context.h"
#include "messi/io/tls/engine.h"
#include "messi/io/tls/records.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/tls/support.h"

namespace {

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Status;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::tls::Context;
using messi::tls::Engine;
using messi::tls::Records;

/// The same bytes for each input, so that an input always does the same.
class Chance {
 public:
  static void begin() {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    static const RAND_METHOD kMethod{nullptr, fill, nullptr, nullptr, fill, ready};
    RAND_set_rand_method(&kMethod);
#pragma GCC diagnostic pop
    state_ = 1;
  }

 private:
  static int fill(unsigned char* out, int size) {
    for (int i = 0; i < size; ++i) {
      state_ ^= state_ << 13;
      state_ ^= state_ >> 7;
      state_ ^= state_ << 17;
      out[i] = static_cast<unsigned char>(state_);
    }
    return 1;
  }
  static int ready() { return 1; }

  static inline std::uint64_t state_ = 1;
};

struct Contexts {
  std::shared_ptr<Context> client;
  std::shared_ptr<Context> server;

  static Contexts make(bool mutual) {
    const messi::test::Authority authority;
    const messi::tls::Config config =
        mutual ? messi::test::mutual_config_of(authority) : messi::test::config_of(authority);
    return {*Context::make(config), *Context::make(config)};
  }
};

/// One side, with what it has said and heard.
class Side {
 public:
  template <typename... Arguments>
  explicit Side(Arguments&&... arguments) : engine_(std::forward<Arguments>(arguments)...) {}

  /// Takes input, whatever it is about.
  void take(std::string_view input, std::size_t most) {
    // A copy of the exact size, so that the sanitizer sees any read past the end.
    const std::unique_ptr<char[]> exact(new char[input.size()]);
    std::copy(input.begin(), input.end(), exact.get());
    const std::string_view same(exact.get(), input.size());
    if (!outcome_) {
      outcome_ = engine_.shake(same);
      if (outcome_ && !outcome_->ok()) require(!outcome_->message().empty(), "a failure says why");
      return;
    }
    if (outcome_->ok()) read(same, most);
  }

  void handle_end() {
    if (!outcome_) {
      outcome_ = engine_.cut_short();
    } else if (outcome_->ok()) {
      engine_.handle_end();
      read({}, 64);
    }
  }

  void say(const std::string& text, std::size_t cut) {
    if (!open() || finished_) return;
    const Slice slices[] = {{text.data(), cut}, {text.data() + cut, text.size() - cut}};
    Records records(slices, 2);
    said_.append(text, 0, engine_.write(records));
  }
  void finish() {
    if (!open()) return;
    engine_.finish();
    finished_ = true;
  }

  std::string take_output(std::size_t most) {
    std::string bytes(engine_.output().substr(0, most));
    engine_.handle_written(bytes.size());
    return bytes;
  }

  bool open() const { return outcome_ && outcome_->ok(); }
  bool has_outcome() const { return outcome_.has_value(); }
  const std::string& said() const { return said_; }
  const std::string& heard() const { return heard_; }
  bool ended_in_order() const { return ended_ && engine_.why_ended().empty(); }

 private:
  void read(std::string_view input, std::size_t most) {
    for (bool first = true; !ended_ && (first || engine_.holds_input()); first = false) {
      const std::unique_ptr<char[]> bytes(new char[most]);
      const Space space{bytes.get(), most};
      const IoResult result = engine_.read(first ? input : std::string_view(), &space, 1);
      require(result.size <= most, "no more is read than there is space for");
      heard_.append(bytes.get(), result.size);
      ended_ = result.kind == IoResult::Kind::kEnd;
    }
  }

  Engine engine_;
  std::optional<Status> outcome_;
  std::string said_;
  std::string heard_;
  bool finished_ = false;
  bool ended_ = false;
};

class Pair {
 public:
  Pair(const Contexts& contexts, FuzzedInput& input)
      : input_(input), client_(contexts.client, "localhost", "a server"), server_(contexts.server) {
    client_.take({}, 1);
  }

  void run() {
    while (!input_.empty() && !over_) step();
    if (!touched_) settle();
    check(client_, server_);
    check(server_, client_);
  }

 private:
  void step() {
    const std::uint8_t what = input_.byte();
    Side& from = what % 2 == 0 ? client_ : server_;
    Side& to = what % 2 == 0 ? server_ : client_;
    switch (what / 2 % 16) {
      case 0:
        return pass(to, change(from.take_output(1 + input_.below(2000))));
      case 1:
        return from.say(std::string(1 + input_.below(40'000), 'x'), 0);
      case 2: {
        const std::string text = input_.bytes(60);
        return from.say(text, text.empty() ? 0 : input_.below(text.size()));
      }
      case 3:
        return input_.one_in(4) ? from.finish() : void();
      case 4:
        if (!input_.one_in(4)) return;
        touched_ = over_ = true;
        to.handle_end();
        return;
      case 5:
      case 6:
      case 7:
      case 8:
        return pass(to, from.take_output(1 + input_.below(300)));
      default:
        return pass(to, from.take_output(100'000));
    }
  }

  void pass(Side& to, const std::string& bytes) { to.take(bytes, 1 + input_.below(2'000)); }

  std::string change(std::string bytes) {
    if (bytes.empty()) return bytes;
    touched_ = true;
    const std::size_t at = input_.below(bytes.size());
    switch (input_.below(6)) {
      case 0:
        bytes[at] = static_cast<char>(input_.byte());
        return bytes;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << input_.below(8));
        return bytes;
      case 2:
        return bytes.substr(0, at);
      case 3:
        return bytes.insert(at, input_.bytes(40));
      case 4:
        return bytes + bytes;
      default:
        return input_.bytes(200);
    }
  }

  /// Nobody was in between, so everything works.
  void settle() {
    for (int i = 0; i < 6; ++i) {
      server_.take(client_.take_output(1'000'000), 4'000);
      client_.take(server_.take_output(1'000'000), 4'000);
    }
    require(client_.open() && server_.open(), "a handshake that nobody touches succeeds");
    require(client_.heard() == server_.said() && server_.heard() == client_.said(),
            "what is said and not touched is heard");
  }

  static void check(const Side& speaker, const Side& listener) {
    require(speaker.said().compare(0, listener.heard().size(), listener.heard()) == 0,
            "what is heard is what was said");
    require(!listener.ended_in_order() || listener.heard().size() == speaker.said().size(),
            "an end in order is the end of what was said");
  }

  FuzzedInput& input_;
  Side client_;
  Side server_;
  bool touched_ = false;
  bool over_ = false;
};

void hear_anything(Side& side, FuzzedInput& input) {
  side.take({}, 1);
  while (!input.empty()) side.take(input.bytes(300), 64);
  require(!side.open(), "nobody opens a connection by chance");
  side.handle_end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Chance::begin();
  static const Contexts kContexts[] = {Contexts::make(false), Contexts::make(true)};
  FuzzedInput input(data, size);
  const std::uint8_t what = input.byte();
  const Contexts& contexts = kContexts[what % 2];
  contexts.client->forget_session("a server");
  if (what < 224) {
    // The second one may go on with the session of the first.
    Pair(contexts, input).run();
    Pair(contexts, input).run();
  } else if (what < 240) {
    Side side(contexts.client, "localhost", "a server");
    hear_anything(side, input);
  } else {
    Side side(contexts.server);
    hear_anything(side, input);
  }
  return 0;
}
