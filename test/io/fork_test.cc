#include "messi/io/fork.h"

#include <sys/wait.h>
#include <unistd.h>

#include "test/catch.h"

TEST_CASE("a child of fork() is another generation than its parent", "[io]") {
  const unsigned own = messi::fork_generation();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(messi::fork_generation() == own ? 1 : 0);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(messi::fork_generation() == own);
}
