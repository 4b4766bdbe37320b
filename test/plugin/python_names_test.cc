#include "python/python_names.h"

#include "python/fit.h"
#include "test/catch.h"

using namespace messi::plugin;

namespace {

Member member(std::string proto_path) {
  Member member;
  member.type.proto_path = std::move(proto_path);
  member.type.scope = {"Outer", "Inner"};
  return member;
}

}  // namespace

TEST_CASE("Python modules stand beside protobuf's", "[plugin]") {
  CHECK(python::protobuf_module("acme/my-chat.proto") == "acme.my_chat_pb2");
  CHECK(python::protobuf_module("chat.v2.proto") == "chat.v2_pb2");
  CHECK(python::client_path("acme/my-chat.proto") == "acme/my_chat_client.py");
  CHECK(python::server_path("chat.v2.proto") == "chat/v2_server.py");
}

TEST_CASE("Python modules are called by their last name if no other has it", "[plugin]") {
  Protocol protocol;
  protocol.proto_path = "acme/chat.proto";
  protocol.client_to_server.members = {member("a/common.proto"), member("b/common.proto")};
  protocol.server_to_client.members = {member("acme/chat.proto"), member("a/common.proto")};
  const python::ModuleNames modules(protocol);
  CHECK(modules.import_statement("acme/chat.proto") == "from acme import chat_pb2");
  CHECK(modules.import_statement("a/common.proto") == "from a import common_pb2 as a_common_pb2");
  CHECK(modules.type(member("b/common.proto").type) == "b_common_pb2.Outer.Inner");
  CHECK(modules.type(member("acme/chat.proto").type) == "chat_pb2.Outer.Inner");
}

TEST_CASE("no two Python modules are called the same", "[plugin]") {
  Protocol protocol;
  protocol.proto_path = "chat.proto";
  protocol.client_to_server.members = {
      member("a/b.proto"),   member("c/b.proto"),   member("a_b.proto"), member("x/y_z.proto"),
      member("x_y/z.proto"), member("x/y/z.proto"), member("y_z.proto")};
  const python::ModuleNames modules(protocol);
  CHECK(modules.import_statement("a_b.proto") == "import a_b_pb2");
  CHECK(modules.import_statement("a/b.proto") == "from a import b_pb2 as a_b_pb2_");
  CHECK(modules.import_statement("c/b.proto") == "from c import b_pb2 as c_b_pb2");
  CHECK(modules.name("x/y_z.proto") == "x_y_z_pb2");
  CHECK(modules.name("x_y/z.proto") == "x_y_z_pb2_");
  CHECK(modules.name("x/y/z.proto") == "x_y_z_pb2__");
  CHECK(modules.name("y_z.proto") == "y_z_pb2");
}

TEST_CASE("no Python module is called what a class would make private", "[plugin]") {
  Protocol protocol;
  protocol.proto_path = "__hidden.proto";
  const python::ModuleNames modules(protocol);
  CHECK(modules.import_statement("__hidden.proto") == "import __hidden_pb2 as hidden_pb2");
}

TEST_CASE("long lines of Python are broken where its formatters break them", "[plugin]") {
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  CHECK(python::fit("def f(self, a: int) -> None:\n") == "def f(self, a: int) -> None:\n");
  CHECK(python::fit("    def f(self, a: " + a + ", b: " + b + ") -> X:\n") ==
        "    def f(\n        self,\n        a: " + a + ",\n        b: " + b + ",\n    ) -> X:\n");
  CHECK(python::fit("def f(self, a: " + a + ", b: " + b + ") -> X:\n") ==
        "def f(\n    self, a: " + a + ", b: " + b + "\n) -> X:\n");
  CHECK(python::fit("def f(self, a: " + a + a + ", b: " + b + ") -> None:\n") ==
        "def f(\n    self,\n    a: " + a + a + ",\n    b: " + b + ",\n) -> None:\n");
  CHECK(python::fit("def f(self, m: " + a + " | " + b + " | " + a + " = None) -> None:\n") ==
        "def f(\n    self,\n    m: (\n        " + a + "\n        | " + b + "\n        | " + a +
            "\n    ) = None,\n) -> None:\n");
}
