#include "python/python_names.h"

#include "python/fit.h"
#include "test/catch.h"

using namespace messi::plugin;

namespace {

/// Those that the files of these paths become.
python::ModuleNames modules_of(const std::vector<std::string>& paths) {
  std::deque<File> files;
  std::vector<const File*> pointers;
  for (const std::string& path : paths) {
    files.emplace_back().path = path;
    pointers.push_back(&files.back());
  }
  return python::ModuleNames(pointers);
}

std::string type_of(const std::string& path, const python::ModuleNames& modules) {
  File file;
  file.path = path;
  Message message;
  message.file = &file;
  message.scope = {"Outer", "Inner"};
  return modules.type(message);
}

}  // namespace

TEST_CASE("Python modules stand beside protobuf's", "[plugin]") {
  CHECK(python::protobuf_module("acme/my-chat.proto") == "acme.my_chat_pb2");
  CHECK(python::protobuf_module("chat.v2.proto") == "chat.v2_pb2");
  CHECK(python::client_path("acme/my-chat.proto") == "acme/my_chat_client.py");
  CHECK(python::server_path("chat.v2.proto") == "chat/v2_server.py");
}

TEST_CASE("Python modules are called by their last name if no other has it", "[plugin]") {
  const python::ModuleNames modules =
      modules_of({"acme/chat.proto", "a/common.proto", "b/common.proto"});
  CHECK(modules.import_statement("acme/chat.proto") == "from acme import chat_pb2");
  CHECK(modules.import_statement("a/common.proto") == "from a import common_pb2 as a_common_pb2");
  CHECK(type_of("b/common.proto", modules) == "b_common_pb2.Outer.Inner");
  CHECK(type_of("acme/chat.proto", modules) == "chat_pb2.Outer.Inner");
}

TEST_CASE("no two Python modules are called the same", "[plugin]") {
  const python::ModuleNames modules =
      modules_of({"chat.proto", "a/b.proto", "c/b.proto", "a_b.proto", "x/y_z.proto", "x_y/z.proto",
                  "x/y/z.proto", "y_z.proto"});
  CHECK(modules.import_statement("a_b.proto") == "import a_b_pb2");
  CHECK(modules.import_statement("a/b.proto") == "from a import b_pb2 as a_b_pb2_");
  CHECK(modules.import_statement("c/b.proto") == "from c import b_pb2 as c_b_pb2");
  CHECK(modules.name("x/y_z.proto") == "x_y_z_pb2");
  CHECK(modules.name("x_y/z.proto") == "x_y_z_pb2_");
  CHECK(modules.name("x/y/z.proto") == "x_y_z_pb2__");
  CHECK(modules.name("y_z.proto") == "y_z_pb2");
}

TEST_CASE("no Python module is called what a class would make private", "[plugin]") {
  const python::ModuleNames modules = modules_of({"__hidden.proto"});
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
