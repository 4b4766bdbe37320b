// What is a message to libprotobuf is one to us, and the same. random_messages.py does this with
// random schemas.

#include <string>

#include "messi/views/message.h"
#include "test/catch.h"
#include "test/views/against_libprotobuf.h"
#include "theirs.pb.h"
#include "views.messi.h"

using messi::decode;

namespace {

std::string delimited(char tag, const std::string& inside) {
  std::string bytes(1, tag);
  for (std::size_t size = inside.size(); true; size >>= 7) {
    if (size < 0x80) return bytes + static_cast<char>(size) + inside;
    bytes += static_cast<char>(size | 0x80);
  }
}

/// A message in a message, and so on.
std::string nested(char tag, int levels) {
  std::string bytes;
  for (int i = 0; i < levels; ++i) bytes = delimited(tag, bytes);
  return bytes;
}

template <typename Ours, typename Theirs>
bool accepted(const std::string& bytes) {
  Ours ours;
  Theirs theirs;
  const bool is_accepted = decode(bytes, ours);
  CHECK(is_accepted == theirs.ParseFromString(bytes));
  return is_accepted;
}

}  // namespace

TEST_CASE("all kinds of fields are to us what they are to libprotobuf", "[views]") {
  messi::test::AgainstLibprotobuf compared(1, 100);
  compared.compare<views::Everything, theirs::Everything>();
  compared.compare<views::Shape, theirs::Shape>();
  compared.compare<views::Tree, theirs::Tree>();
  compared.compare<views::Linked, theirs::Linked>();
  compared.compare<views::ClientToServer, theirs::ClientToServer>();
  CHECK(compared.report() == 0);
}

TEST_CASE("messages may be nested as deep as with libprotobuf", "[views]") {
  for (int levels = 95; levels < 105; ++levels) {
    CAPTURE(levels);
    // Linked.next, Tree.children, and groups that are not known.
    CHECK(accepted<views::Linked, theirs::Linked>(nested(0x12, levels)) == (levels <= 100));
    CHECK(accepted<views::Tree, theirs::Tree>(nested(0x12, levels)) == (levels <= 100));
    const auto count = static_cast<std::size_t>(levels);
    const std::string groups = std::string(count, '\x5b') + std::string(count, '\x5c');
    CHECK(accepted<views::Linked, theirs::Linked>(groups) == (levels <= 100));
    // Tree.named, whose entries are messages too.
    std::string named;
    for (int i = 0; i < levels; ++i) named = delimited(0x1a, delimited(0x12, named));
    accepted<views::Tree, theirs::Tree>(named);
  }
  for (int levels = 45; levels < 55; ++levels) {
    std::string named;
    for (int i = 0; i < levels; ++i) named = delimited(0x1a, delimited(0x12, named));
    CHECK(accepted<views::Tree, theirs::Tree>(named) == (levels <= 50));
  }
}
