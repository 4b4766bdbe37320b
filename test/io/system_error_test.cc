#include "messi/io/system_error.h"

#include <cerrno>
#include <string>

#include "test/catch.h"

using messi::errno_of;
using messi::status_from_errno;

TEST_CASE("what the system says is told in its words, and keeps its number", "[io]") {
  const absl::Status status = status_from_errno(ECONNREFUSED, "tcp://a:1: cannot connect");
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(status.message()) == "tcp://a:1: cannot connect: Connection refused");
  CHECK(errno_of(status) == ECONNREFUSED);
  CHECK(errno_of(absl::UnknownError("something else")) == 0);
  CHECK(errno_of(absl::OkStatus()) == 0);
}

TEST_CASE("nothing that the system says is for ever", "[io]") {
  for (int error = 1; error < 134; ++error) {
    CAPTURE(error);
    const absl::Status status = status_from_errno(error, "x");
    CHECK_FALSE(status.ok());
    CHECK(status.code() != absl::StatusCode::kInvalidArgument);
    CHECK(errno_of(status) == error);
  }
}
