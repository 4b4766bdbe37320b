#ifndef MESSI_IO_TLS_ENGINE_H_
#define MESSI_IO_TLS_ENGINE_H_

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/peer_certificate.h"
#include "messi/io/stream.h"
#include "messi/io/tls/bio.h"
#include "messi/io/tls/certificate.h"
#include "messi/io/tls/context.h"
#include "messi/io/tls/explain.h"
#include "messi/io/tls/openssl.h"
#include "messi/io/tls/records.h"

namespace messi::tls {

/// One side of TLS as a machine without sockets and without a clock: bytes in, bytes out.
///
///     in     shake, read: ciphertext that has come, all of which is taken
///     calls  write: bytes for the other side; finish
///     out    output, handle_written: ciphertext for the other side
///
/// After the handshake each direction ends by itself, as those of a socket do.
class Engine {
 public:
  /// What a handshake may send to this side, at most.
  static constexpr std::size_t kMostHandshake = std::size_t{64} * 1024;
  /// What one `write` takes, at most: four records.
  static constexpr std::size_t kMostAtOnce = 4 * Records::kMost;
  /// What of the output may wait when input makes TLS itself answer, about: new keys may be asked
  /// for without end, by a peer that does not read.
  static constexpr std::size_t kMostWaiting = 4 * kMostAtOnce;

  /// The server's side.
  explicit Engine(std::shared_ptr<Context> context)
      : Engine(std::move(context), Side::kServer, "") {}
  /// The client's side. The server's certificate must be for `name`, a host name or an address.
  /// The session is kept, and looked for, under `session_key`.
  inline Engine(std::shared_ptr<Context> context, std::string name, std::string session_key);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  inline ~Engine();

  /// From now on it is used on the thread of `context`, which has the same configuration.
  void move_to(std::shared_ptr<Context> context) {
    if (made_by_ == nullptr) made_by_ = context_;
    context_ = std::move(context);
  }

  /// A step of the handshake; a client's first step needs no input. Returns nothing while the
  /// handshake is under way, then its result. Either may leave output.
  inline std::optional<Status> shake(std::string_view input);
  /// Why there is no result, if the input has ended instead.
  inline Status cut_short();

  /// Decrypts into one space after the other, as `Stream::read` does. The rest is kept.
  inline IoResult read(std::string_view input, const Space* spaces, std::size_t count);
  /// Whether `read` has something without further input, be it an end.
  bool holds_input() const {
    if (state_ != State::kOpen) return !told_;
    return !kept_.empty() || SSL_pending(ssl_.get()) > 0;
  }
  /// No further input comes. If the other side has not ended in order, it was cut off.
  inline void handle_end();

  /// Encrypts the next records; returns their size, which is zero only if there are none or nothing
  /// may be written any more.
  inline std::size_t write(Records& records);
  /// Between the handshake and `finish`, unless something went wrong.
  bool can_write() const {
    return state_ != State::kShaking && state_ != State::kFailed && !finished_;
  }
  /// Nothing more will be written; the other side is told.
  inline void finish();

  /// What the other side has to get.
  std::string_view output() const { return std::string_view(bytes_.out).substr(written_); }
  /// The first `size` bytes of it are on their way.
  inline void handle_written(std::size_t size);

  /// Why `read` has returned kEnd, as a sentence; "" if the other side has ended in order.
  const std::string& why_ended() const { return why_ended_; }
  /// Null if the other side has shown none.
  const std::shared_ptr<const PeerCertificate>& peer_certificate() const { return certificate_; }
  /// Whether the handshake went on with an earlier session.
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  /// "TLSv1.3"
  const char* version() const { return SSL_get_version(ssl_.get()); }

 private:
  static constexpr std::size_t kFirstBytes = 4;  // tell what the other side speaks
  enum class State : std::uint8_t { kShaking, kOpen, kEnded, kFailed };

  inline Engine(std::shared_ptr<Context> context, Side side, std::string name);

  // What an answer to one read may take: an alert, or a new key. A handshake asks for more room.
  static constexpr std::size_t kAnswer = 512;
  // What is around the bytes of a record: up to 32 small ones, if the client has asked for those.
  static constexpr std::size_t kAroundRecord = 4096;

  inline void begin_step(std::string_view input);
  inline void end_step();
  inline std::optional<Status> shake_hands(std::size_t input_size);
  inline Status expect_name();
  inline Status handle_shaken();
  inline std::size_t decrypt(const Space* spaces, std::size_t count);
  inline Status fail(Status why);
  inline void take_room(std::size_t size);
  void double_room() { bytes_.out.reserve(2 * bytes_.out.capacity()); }
  inline void give_back_room();

  static Engine& of(SSL* ssl) { return *static_cast<Engine*>(SSL_get_app_data(ssl)); }
  static inline int verify(int good, X509_STORE_CTX* store);
  static inline int keep_session(SSL* ssl, SSL_SESSION* session);

  std::shared_ptr<Context> context_;
  std::shared_ptr<Context> made_by_;  // if it has moved: what `ssl_` belongs to
  Bytes bytes_;
  Owner<SSL> ssl_;              // null if it could not be made
  Owner<SSL_SESSION> session_;  // a new one, to be kept
  std::string kept_;            // input that OpenSSL has not read yet
  std::size_t written_ = 0;     // of the output
  std::size_t handshake_size_ = 0;
  const Side side_;
  State state_ = State::kShaking;
  bool in_step_ = false;  // for good, if memory has run out in it
  bool first_bytes_seen_ = false;
  bool finished_ = false;
  bool told_ = false;  // `read` has returned kEnd
  std::string name_;
  std::string session_key_;
  std::optional<Refused> refused_;
  std::string why_ended_;
  std::shared_ptr<const PeerCertificate> certificate_;
};

// ---------------------------------------------------------------------------------------------

inline Engine::Engine(std::shared_ptr<Context> context, Side side, std::string name)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->settings(side))),
      side_(side),
      name_(std::move(name)) {
  Owner<BIO> bio = make_bio(context_->bio_method(), bytes_);
  if (bio == nullptr) ssl_.reset();
  if (ssl_ == nullptr) return;
  SSL* const ssl = ssl_.get();
  SSL_set_bio(ssl, bio.get(), bio.get());
  bio.release();
  SSL_set_app_data(ssl, this);
  SSL_set_verify(ssl, SSL_get_verify_mode(ssl), verify);
  if (side == Side::kServer) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
}

inline Engine::Engine(std::shared_ptr<Context> context, std::string name, std::string session_key)
    : Engine(std::move(context), Side::kClient, std::move(name)) {
  if (ssl_ == nullptr) return;
  session_key_ = std::move(session_key);
  SSL_CTX_sess_set_new_cb(context_->settings(Side::kClient), keep_session);
  if (SSL_SESSION* const session = context_->session(session_key_)) {
    SSL_set_session(ssl_.get(), session);
  }
}

inline Engine::~Engine() {
  // Otherwise the session could not be resumed.
  if (ssl_ != nullptr) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

inline Status Engine::expect_name() {
  X509_VERIFY_PARAM* const param = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name_.c_str()) == 1) return {};
  ERR_clear_error();
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // An empty name would be taken for any.
  if (!name_.empty() && X509_VERIFY_PARAM_set1_host(param, name_.c_str(), name_.size()) == 1 &&
      SSL_set_tlsext_host_name(ssl_.get(), name_.c_str()) == 1) {
    return {};
  }
  ERR_clear_error();
  return {StatusCode::kFailedPrecondition, "\"" + name_ + "\" is no name of a server"};
}

// OpenSSL neither allocates with our means nor is left by an exception: there is room for what it
// writes, or it asks for more, and our callbacks only note what they are told.
inline void Engine::begin_step(std::string_view input) {
  in_step_ = true;
  take_room(kAnswer);
  if (kept_.empty()) {
    bytes_.in = input;
  } else {
    kept_.append(input);
    bytes_.in = kept_;
  }
}

inline void Engine::end_step() {
  if (session_ != nullptr) context_->keep_session(session_key_, std::move(session_));
  std::string rest(std::exchange(bytes_.in, {}));
  kept_.swap(rest);
  if (bytes_.out.empty()) give_back_room();
  in_step_ = false;
}

/// Room for so much output. Engines lend each other memory for what they write at once.
inline void Engine::take_room(std::size_t size) {
  std::string& out = bytes_.out;
  if (out.empty()) out.swap(context_->spare());
  if (out.capacity() - out.size() < size) out.reserve(out.size() + size);
}

inline void Engine::give_back_room() {
  std::string& out = bytes_.out;
  if (out.capacity() > context_->spare().capacity()) out.swap(context_->spare());
  std::string().swap(out);
}

inline std::optional<Status> Engine::shake(std::string_view input) {
  if (ssl_ == nullptr || in_step_) {
    return Status(StatusCode::kResourceExhausted, "no memory for TLS");
  }
  begin_step(input);
  std::optional<Status> outcome = shake_hands(input.size());
  end_step();
  return outcome;
}

inline std::optional<Status> Engine::shake_hands(std::size_t input_size) {
  const bool begins = side_ == Side::kClient && handshake_size_ == 0 && input_size == 0;
  if (begins) {
    if (Status status = expect_name(); !status.ok()) return fail(std::move(status));
  }
  handshake_size_ += input_size;
  if (handshake_size_ > kMostHandshake) {
    return fail({StatusCode::kResourceExhausted,
                 std::string(other(side_)) + "'s handshake is larger than 64 KiB"});
  }
  if (!first_bytes_seen_ && !bytes_.in.empty()) {
    if (bytes_.in.size() < kFirstBytes) return std::nullopt;
    first_bytes_seen_ = true;
    if (const std::string_view foreign = foreign_protocol(bytes_.in); !foreign.empty()) {
      // An alert, so that the other side can tell what this one speaks.
      bytes_.out.append("\x15\x03\x01\x00\x02\x02\x0a", 7);
      return fail(
          {StatusCode::kFailedPrecondition,
           std::string(other(side_)) + " does not speak TLS; it speaks " + std::string(foreign)});
    }
  }
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return handle_shaken();
    const int wanted = SSL_get_error(ssl_.get(), result);
    if (wanted == SSL_ERROR_WANT_READ) return std::nullopt;
    if (wanted != SSL_ERROR_WANT_WRITE) break;
    double_room();
  }
  const unsigned long error = ERR_peek_error();
  if (!refused_) return fail(explain_failure(error, side_));
  return fail({StatusCode::kUnauthenticated, explain_verification(*refused_, side_, name_)});
}

inline Status Engine::cut_short() {
  return fail({StatusCode::kUnavailable, std::string(other(side_)) +
                                             " has closed the connection during the handshake" +
                                             (first_bytes_seen_ ? "" : "; does it speak TLS?")});
}

inline Status Engine::handle_shaken() {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate != nullptr) {
    // OpenSSL has looked at it when the session was new.
    if (resumed() && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
      return fail({StatusCode::kUnauthenticated, std::string(other(side_)) +
                                                     "'s certificate expired on " +
                                                     to_text(X509_get0_notAfter(certificate))});
    }
    certificate_ = std::make_shared<const PeerCertificate>(describe(certificate));
  }
  state_ = State::kOpen;
  std::string().swap(name_);
  return {};
}

inline Status Engine::fail(Status why) {
  ERR_clear_error();
  state_ = State::kFailed;
  // The session may be why, so the next attempt begins without one.
  if (side_ == Side::kClient) context_->forget_session(session_key_);
  why_ended_ = why.message() + ".";
  why_ended_[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(why_ended_[0])));
  return why;
}

inline IoResult Engine::read(std::string_view input, const Space* spaces, std::size_t count) {
  std::size_t size = 0;
  if (in_step_) {
    state_ = State::kFailed;
    why_ended_ = "Out of memory.";
  } else {
    begin_step(input);
    size = decrypt(spaces, count);
    end_step();
  }
  if (size > 0) return {size, IoResult::Kind::kSome};
  if (state_ == State::kOpen) return {0, IoResult::Kind::kAgain};
  told_ = true;
  return {0, IoResult::Kind::kEnd};
}

inline std::size_t Engine::decrypt(const Space* spaces, std::size_t count) {
  std::size_t size = 0;
  for (std::size_t i = 0, at = 0; i < count && state_ == State::kOpen;) {
    if (at == spaces[i].size) {
      ++i;
      at = 0;
      continue;
    }
    ERR_clear_error();
    std::size_t some = 0;
    const int result = SSL_read_ex(ssl_.get(), spaces[i].data + at, spaces[i].size - at, &some);
    at += some;
    size += some;
    if (result == 1) continue;
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_WANT_READ) break;
    if (error == SSL_ERROR_WANT_WRITE) {
      double_room();
    } else if (error == SSL_ERROR_ZERO_RETURN) {
      state_ = State::kEnded;
    } else {
      (void)fail(explain_failure(ERR_peek_error(), side_));
    }
  }
  if (state_ == State::kOpen && bytes_.out.size() > kMostWaiting) {
    (void)fail({StatusCode::kResourceExhausted,
                std::string(other(side_)) + " does not read what TLS answers"});
  }
  return size;
}

inline void Engine::handle_end() {
  if (state_ != State::kOpen) return;
  state_ = State::kEnded;
  why_ended_ = "The connection was cut off; " + std::string(other(side_)) + " did not end it.";
}

inline std::size_t Engine::write(Records& records) {
  if (!can_write()) return 0;
  const std::size_t room = records.size(kMostAtOnce);
  take_room(room + (room / Records::kMost + 1) * kAroundRecord);
  char gathered[Records::kMost];
  std::size_t size = 0;
  while (!records.done() && size < kMostAtOnce) {
    const Slice record = records.take(gathered);
    ERR_clear_error();
    std::size_t encrypted = 0;
    const int result = SSL_write_ex(ssl_.get(), record.data, record.size, &encrypted);
    if (result != 1) {
      (void)fail(explain_failure(ERR_peek_error(), side_));
      return 0;
    }
    assert(encrypted == record.size && "the output takes everything");
    size += encrypted;
  }
  return size;
}

inline void Engine::finish() {
  if (!can_write()) return;
  take_room(kAnswer);
  finished_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

inline void Engine::handle_written(std::size_t size) {
  written_ += size;
  std::string& out = bytes_.out;
  const std::size_t left = out.size() - written_;
  if (left > 0 && left >= out.capacity() / 2) return;
  out.erase(0, std::exchange(written_, 0));
  if (left == 0) return give_back_room();
  // What waits for a slow reader does not hold twice its memory. Without the memory for that, it
  // does.
  out.shrink_to_fit();
}

inline int Engine::verify(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  auto* const ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  of(ssl).refused_.emplace(store);
  return 0;
}

inline int Engine::keep_session(SSL* ssl, SSL_SESSION* session) {
  of(ssl).session_.reset(session);
  return 1;
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_ENGINE_H_
