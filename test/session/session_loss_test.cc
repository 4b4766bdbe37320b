#include "messi/session/session_loss.h"

#include <set>
#include <sstream>
#include <string>

#include "test/catch.h"

using messi::SessionLossReason;

TEST_CASE("each reason for the loss of a session has a sentence of its own", "[session]") {
  std::set<std::string> sentences;
  for (const int reason : {1, 2, 3, 4, 5, 10, 11, 12, 13, 99}) {
    std::ostringstream out;
    out << static_cast<SessionLossReason>(reason);
    CHECK(sentences.insert(out.str()).second);
    CHECK(out.str().back() == '.');
  }
}
