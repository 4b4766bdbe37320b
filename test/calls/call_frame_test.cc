#include "messi/wire/call_frame.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "messi/wire/frame.h"
#include "test/catch.h"

using messi::wire::CallFrame;
using messi::wire::CallKind;
using messi::wire::read_call;

namespace {

std::string head(std::uint64_t request, int kind) {
  std::string bytes(messi::wire::kCallHeadSize, '\0');
  messi::wire::write_call_head(reinterpret_cast<std::uint8_t*>(bytes.data()), request,
                               static_cast<CallKind>(kind));
  return bytes;
}

}  // namespace

TEST_CASE("the head is a number and a kind", "[wire]") {
  CHECK(head(0x0102030405060708, 3) == std::string("\1\2\3\4\5\6\7\10\3", 9));
}

TEST_CASE("each kind is read as it was written", "[wire]") {
  const std::string answer = head(7, 1) + "message";
  CHECK(read_call(answer)->request == 7);
  CHECK(read_call(answer)->kind == CallKind::kAnswer);
  CHECK(read_call(answer)->message == "message");
  CHECK(read_call(head(7, 1))->message.empty());
  const std::string failure = head(7, 2) + "\5not found";
  CHECK(read_call(failure)->code == 5);
  CHECK(read_call(failure)->text == "not found");
  CHECK(read_call(head(7, 3))->kind == CallKind::kCancel);
  CHECK(read_call(head(7, 3) + "from a newer peer")->request == 7);
}

TEST_CASE("the text of a failure is cut", "[wire]") {
  const std::string failure = head(7, 2) + "\5" + std::string(1000, 'x');
  CHECK(read_call(failure)->text.size() == messi::wire::kMostFailureText);
}

TEST_CASE("what is too short or of no kind is nothing", "[wire]") {
  const std::string whole = head(7, 1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(read_call(std::string_view(whole).substr(0, size)));
  }
  CHECK_FALSE(read_call(head(7, 2)));
  CHECK_FALSE(read_call(head(7, 0)));
  CHECK_FALSE(read_call(head(7, 4)));
  CHECK_FALSE(read_call(head(7, 255)));
}
