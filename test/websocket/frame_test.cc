// Frames: how they are read and written, and which are refused.

#include "messi/io/websocket/frame.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "messi/io/websocket/frame_reader.h"
#include "messi/io/websocket/frame_writer.h"
#include "test/catch.h"
#include "test/websocket/support.h"

using messi::test::masked_frame;
using messi::test::plain_frame;
using messi::websocket::copy_masked;
using messi::websocket::FrameReader;
using messi::websocket::FrameWriter;
using messi::websocket::kMostHeader;
using messi::websocket::MaskKey;
using messi::websocket::Opcode;
using messi::websocket::Side;
using messi::websocket::write_header;

namespace {

/// What a reader says about some bytes: "begin 2", "abc", "end", "control 9 abc", or what is wrong.
std::vector<std::string> read_frames(Side side, const std::string& bytes,
                                     std::size_t most = std::string::npos) {
  FrameReader reader(side);
  std::vector<std::string> events;
  bool after_data = false;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(most, bytes.size() - at)) {
    const std::string piece = bytes.substr(at, most);
    std::string_view input = piece;
    for (;;) {
      const FrameReader::Event event = reader.next(input);
      if (event.kind == FrameReader::Kind::kNothing) break;
      const std::string opcode = std::to_string(static_cast<int>(event.opcode));
      switch (event.kind) {
        case FrameReader::Kind::kBegin:
          events.push_back("begin " + opcode);
          break;
        case FrameReader::Kind::kData: {
          std::string data(event.data.size(), ' ');
          reader.copy(data.data(), event);
          if (!after_data) events.emplace_back();
          events.back() += data;
          break;
        }
        case FrameReader::Kind::kEnd:
          events.emplace_back("end");
          break;
        case FrameReader::Kind::kControl:
          events.push_back("control " + opcode + " " + std::string(event.data));
          break;
        default:
          events.emplace_back(reader.violation().what);
          CHECK(reader.violation().code == messi::websocket::CloseCode::kProtocolError);
          return events;
      }
      after_data = event.kind == FrameReader::Kind::kData;
    }
  }
  return events;
}

using Events = std::vector<std::string>;

}  // namespace

TEST_CASE("the examples of RFC 6455 are read", "[websocket]") {
  for (const std::size_t most : std::vector<std::size_t>{1, 2, 3, 1'000}) {
    CAPTURE(most);
    CHECK(read_frames(Side::kClient, {"\x81\x05Hello", 7}, most) ==
          Events{"begin 1", "Hello", "end"});
    CHECK(read_frames(Side::kServer, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", most) ==
          Events{"begin 1", "Hello", "end"});
    CHECK(read_frames(Side::kClient, std::string("\x01\x03Hel\x80\x02lo", 9), most) ==
          Events{"begin 1", "Hello", "end"});
    CHECK(read_frames(Side::kClient, "\x89\x05Hello", most) == Events{"control 9 Hello"});
    CHECK(read_frames(Side::kServer, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", most) ==
          Events{"control 10 Hello"});
    const std::string text(256, 'x');
    CHECK(read_frames(Side::kClient, std::string("\x82\x7e\x01\x00", 4) + text, most) ==
          Events{"begin 2", text, "end"});
    const std::string large(65536, 'x');
    CHECK(read_frames(Side::kClient, std::string("\x82\x7f\0\0\0\0\0\x01\0\0", 10) + large, most) ==
          Events{"begin 2", large, "end"});
  }
}

TEST_CASE("a control frame may come between the frames of a message, and frames may be empty",
          "[websocket]") {
  const std::string bytes = masked_frame(0x02, "one ") + masked_frame(0x89, "ping") +
                            masked_frame(0x00, "") + masked_frame(0x80, "two") +
                            masked_frame(0x82, "") + masked_frame(0x8a, "");
  for (std::size_t most = 1; most <= bytes.size(); ++most) {
    CAPTURE(most);
    CHECK(read_frames(Side::kServer, bytes, most) == Events{"begin 2", "one ", "control 9 ping",
                                                            "two", "end", "begin 2", "end",
                                                            "control 10 "});
  }
}

TEST_CASE("frames that break a rule are refused", "[websocket]") {
  const auto refused = [](const std::string& bytes) {
    Events one_by_one = read_frames(Side::kClient, bytes, 1);
    CHECK(one_by_one == read_frames(Side::kClient, bytes));
    return one_by_one.back();
  };
  for (const int bit : {0x10, 0x20, 0x40}) {
    CHECK(refused(plain_frame(0x82 | bit, "x")) == "a reserved bit is set");
    CHECK(refused(plain_frame(0x89 | bit, "")) == "a reserved bit is set");
  }
  for (const int opcode : {3, 4, 5, 6, 7, 11, 12, 13, 14, 15}) {
    CHECK(refused(plain_frame(0x80 | opcode, "x")) == "an opcode is reserved");
  }
  for (const int opcode : {8, 9, 10}) {
    CHECK(refused(plain_frame(opcode, "")) == "a control frame is fragmented");
    CHECK(refused(plain_frame(0x80 | opcode, std::string(126, 'x'))) ==
          "a control frame is too long");
    CHECK(refused(plain_frame(0x80 | opcode, std::string(125, 'x'))).size() > 125);
  }
  CHECK(refused(plain_frame(0x80, "x")) == "there is no message to continue");
  CHECK(refused(plain_frame(0x00, "x")) == "there is no message to continue");
  CHECK(refused(plain_frame(0x82, "x") + plain_frame(0x80, "y")) ==
        "there is no message to continue");
  CHECK(refused(plain_frame(0x02, "x") + plain_frame(0x82, "y")) ==
        "a message begins inside of another one");
  CHECK(refused(plain_frame(0x02, "x") + plain_frame(0x01, "y")) ==
        "a message begins inside of another one");
  CHECK(refused(std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10)) == "a length has its top bit set");
  CHECK(refused(std::string("\x82\x7e\0\x7d", 4)) == "a length takes more bytes than it needs");
  CHECK(refused(std::string("\x82\x7f\0\0\0\0\0\0\xff\xff", 10)) ==
        "a length takes more bytes than it needs");
  CHECK(refused(masked_frame(0x82, "x")) == "a frame is masked");
  CHECK(read_frames(Side::kServer, plain_frame(0x82, "x")) == Events{"a frame is not masked"});
  // A close frame too.
  CHECK(read_frames(Side::kServer, plain_frame(0x88, "")) == Events{"a frame is not masked"});
}

TEST_CASE("a length is only counted, whatever it promises", "[websocket]") {
  const std::string bytes = std::string("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10) + "xyz";
  CHECK(read_frames(Side::kClient, bytes) == Events{"begin 2", "xyz"});
  STATIC_REQUIRE(sizeof(FrameReader) <= 216);
  STATIC_REQUIRE(sizeof(FrameWriter) <= 176);
}

TEST_CASE("bytes are masked from any place in their frame, also to a place before them",
          "[websocket]") {
  const MaskKey key{'\x01', '\x20', '\x03', '\x40'};
  std::string text;
  for (int i = 0; i < 70; ++i) text += static_cast<char>(i * 7);
  for (std::size_t size = 0; size < 40; ++size) {
    for (std::size_t at = 0; at < 9; ++at) {
      for (std::size_t back = 0; back < 15; ++back) {
        std::string copy = text;
        copy_masked(copy.data() + 15 - back, copy.data() + 15, size, key, at);
        for (std::size_t i = 0; i < size; ++i) {
          REQUIRE(copy[15 - back + i] == static_cast<char>(text[15 + i] ^ key[(at + i) % 4]));
        }
        REQUIRE(copy.substr(15 + size) == text.substr(15 + size));
      }
    }
  }
}

TEST_CASE("headers are written in their shortest form", "[websocket]") {
  const MaskKey key{'\x37', '\xfa', '\x21', '\x3d'};
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 125, 126, 65'535, 65'536, 100'000}) {
    CAPTURE(size);
    const std::string payload(size, 'x');
    char header[kMostHeader];
    std::string written(header, write_header(header, Opcode::kBinary, size, nullptr));
    CHECK(plain_frame(0x82, payload).substr(0, written.size()) == written);
    CHECK(written.size() + size == plain_frame(0x82, payload).size());
    written.assign(header, write_header(header, Opcode::kBinary, size, &key));
    CHECK(masked_frame(0x82, payload).substr(0, written.size()) == written);
    CHECK(written.size() + size == masked_frame(0x82, payload).size());
  }
}

TEST_CASE("a writer remembers what the message that has begun still lacks", "[websocket]") {
  FrameWriter writer(Side::kClient);
  CHECK(writer.between_frames());
  writer.begin_message(5, {'\x37', '\xfa', '\x21', '\x3d'});
  const std::string header(writer.output());
  CHECK(header == masked_frame(0x82, "Hello").substr(0, 6));
  writer.handle_output(2);
  CHECK(writer.output() == header.substr(2));
  // It has begun, so it goes on.
  writer.take_back_message();
  CHECK(writer.owed() == 5);
  writer.handle_output(4);
  char masked[3];
  writer.mask(masked, "He", 2, 0);
  writer.handle_message(2);
  CHECK_FALSE(writer.between_frames());
  CHECK(std::string(masked, 2) == "\x7f\x9f");
  writer.mask(masked, "llo", 3, 0);
  CHECK(std::string(masked, 3) == "\x4d\x51\x58");
  writer.handle_message(3);
  CHECK(writer.between_frames());

  writer.begin_message(5, {});
  writer.take_back_message();
  CHECK(writer.between_frames());
}
