#include "messi/io/linux/fork.h"

#include <sys/wait.h>
#include <unistd.h>

#include "test/catch.h"

TEST_CASE("a child of fork() is another generation than its parent", "[io]") {
  const unsigned own = messi::io::fork_generation();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(messi::io::fork_generation() == own ? 1 : 0);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(messi::io::fork_generation() == own);
}
