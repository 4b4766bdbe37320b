#include "messi/connection/farewell.h"

#include <string>
#include <string_view>

#include "test/catch.h"

using messi::DisconnectReason;
using messi::connection::cut_text;
using messi::connection::farewell;
using messi::wire::CloseCode;

TEST_CASE("a text is cut between characters", "[session]") {
  CHECK(cut_text("", 0) == "");
  CHECK(cut_text("abc", 3) == "abc");
  CHECK(cut_text("abc", 2) == "ab");
  CHECK(cut_text("a\xc3\xa9", 3) == "a\xc3\xa9");
  CHECK(cut_text("a\xc3\xa9z", 2) == "a");
  for (std::size_t most = 0; most < 4; ++most) CHECK(cut_text("\xf0\x9f\x8c\x8d.", most) == "");
  CHECK(cut_text("\x80\x80\x80\x80", 2) == "");  // no characters at all
}

TEST_CASE("what a server says fits into the frames that both sides accept", "[session]") {
  const std::string text(200, 'x');
  CHECK(farewell(DisconnectReason::kRefused, text, 1'000'000)->text.size() == 96);
  CHECK(farewell(DisconnectReason::kRefused, text, 40)->text.size() == 16);
  CHECK(farewell(DisconnectReason::kRefused, text, 24)->text.empty());
  CHECK_FALSE(farewell(DisconnectReason::kRefused, text, 23));
  CHECK_FALSE(farewell(DisconnectReason::kStopped, text, 1000));
  CHECK(farewell(DisconnectReason::kTooManyPings, text, 1000)->code == CloseCode::kLimit);
}
