#include "messi/wire/frame.h"

#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"

using messi::wire::FrameType;

namespace {

std::string written(FrameType type, std::size_t size) {
  std::vector<std::uint8_t> bytes(messi::wire::kHeaderSize);
  const std::uint8_t* const end = messi::wire::write_header(bytes.data(), type, size);
  CHECK(end == bytes.data() + bytes.size());
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("a header is a type and three big endian bytes of size", "[wire]") {
  using namespace std::string_literals;
  CHECK(written(FrameType::kClientToServer, 8) == "\x01\x00\x00\x08"s);
  CHECK(written(FrameType::kServerToClient, 0x010203) == "\x02\x01\x02\x03"s);
  CHECK(written(FrameType::kPing, 0) == "\x03\x00\x00\x00"s);
  CHECK(written(FrameType::kPong, 0) == "\x04\x00\x00\x00"s);
  CHECK(written(FrameType::kServerToClient, messi::wire::kMaxPayloadSize) == "\x02\xff\xff\xff"s);
}

TEST_CASE("a header is read as it was written, whatever type and size", "[wire]") {
  for (int type = 0; type < 256; ++type) {
    for (const std::size_t size : {0u, 1u, 127u, 128u, 255u, 256u, 65535u, 65536u, 0xffffffu}) {
      const std::string bytes = messi::test::header(type, size);
      CHECK(static_cast<int>(messi::wire::read_type(bytes.data())) == type);
      CHECK(messi::wire::read_size(bytes.data()) == size);
    }
  }
}
