#include "messi/wire/close_frame.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "test/catch.h"
#include "test/support/bytes.h"

using messi::test::close_frame;
using messi::test::pattern;
using messi::wire::CloseCode;
using messi::wire::CloseFrame;
using messi::wire::kHeaderSize;

namespace {

std::string written(const CloseFrame& frame) {
  std::string bytes(messi::wire::close_size(frame), '!');
  messi::wire::write_close(reinterpret_cast<std::uint8_t*>(bytes.data()), frame);
  return bytes;
}

}  // namespace

TEST_CASE("a CLOSE is written as the protocol says, and read again", "[wire]") {
  for (const std::string& text : {std::string(), std::string("No."), pattern(96)}) {
    const std::string bytes = written({CloseCode::kAuth, 0x12345678, text});
    CHECK(bytes == close_frame(9, text, 0x12345678));
    CHECK(bytes.size() <= 124);
    const auto read = messi::wire::read_close(std::string_view(bytes).substr(kHeaderSize));
    REQUIRE(read);
    CHECK(read->code == CloseCode::kAuth);
    CHECK(read->retry_after_ms == 0x12345678);
    CHECK(read->text == text);
  }
}

TEST_CASE("a CLOSE that is too short is none; what is beyond the longest text is ignored",
          "[wire]") {
  for (std::size_t size = 0; size < 24; ++size) {
    CHECK_FALSE(messi::wire::read_close(std::string(size, '\x09')));
  }
  CHECK(messi::wire::read_close(std::string(24, '\x09'))->text.empty());
  const std::string text = pattern(10'000);
  CHECK(messi::wire::read_close(std::string(24, '\x09') + text)->text == text.substr(0, 96));
}
