#include "messi/io/system_error.h"

#include <cerrno>

#include "absl/status/status.h"
#include "messi/base/status.h"
#include "messi/impl/to_user.h"
#include "messi/system_error.h"
#include "test/catch.h"

using messi::errno_of;
using messi::Status;
using messi::StatusCode;
using messi::to_user;
using messi::io::status_of_errno;

namespace {

constexpr int kMostErrors = 200;

absl::StatusCode as_absl(StatusCode code) { return static_cast<absl::StatusCode>(code); }

}  // namespace

TEST_CASE("what the system says is told in its words, and keeps its number", "[io]") {
  const Status status = status_of_errno(ECONNREFUSED, "tcp://a:1: cannot connect");
  CHECK(status.code() == StatusCode::kUnavailable);
  CHECK(status.message() == "tcp://a:1: cannot connect: Connection refused");
  CHECK(status.system_error() == ECONNREFUSED);
}

TEST_CASE("nothing that the system says is for ever", "[io]") {
  for (int error = 1; error < kMostErrors; ++error) {
    CAPTURE(error);
    const Status status = status_of_errno(error, "x");
    CHECK_FALSE(status.ok());
    CHECK(status.code() != StatusCode::kInvalidArgument);
    CHECK(status.system_error() == error);
  }
}

TEST_CASE("the system's errors have the codes and the words that Abseil gives them", "[io]") {
  for (int error = 0; error < kMostErrors; ++error) {
    CAPTURE(error);
    const absl::StatusCode expected = absl::ErrnoToStatusCode(error);
    // Newer versions of Abseil have forgotten those of STREAMS, which no socket ever had.
    const bool streams = error == ENOSTR || error == ENODATA || error == ETIME || error == ENOSR;
    if (streams && expected == absl::StatusCode::kUnknown) continue;
    CHECK(as_absl(messi::io::code_of_errno(error)) == expected);
    if (error == 0) continue;
    CHECK(status_of_errno(error, "x").message() == absl::ErrnoToStatus(error, "x").message());
  }
}

TEST_CASE("users are told the same code, text and number", "[io]") {
  for (int code = 1; code <= 16; ++code) {
    CAPTURE(code);
    const Status status(static_cast<StatusCode>(code), "what is wrong", code % 2);
    CHECK(static_cast<int>(to_user(status).code()) == code);
    CHECK(to_user(status).message() == "what is wrong");
    CHECK(errno_of(to_user(status)) == code % 2);
  }
  CHECK(to_user(Status()).ok());
  CHECK(errno_of(absl::UnknownError("something else")) == 0);
  CHECK(errno_of(absl::OkStatus()) == 0);
}
