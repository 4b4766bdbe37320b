#include "cpp/cpp_names.h"

#include <google/protobuf/compiler/cpp/names.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "names.h"
#include "test/catch.h"

using namespace messi::plugin;
using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;

TEST_CASE("different headers have different include guards", "[plugin]") {
  CHECK(cpp::include_guard("chat.messi.h") == "CHAT_MESSI_H_");
  CHECK(cpp::include_guard("my_protocol.messi.h") == "MY_PROTOCOL_MESSI_H_");
  CHECK(cpp::include_guard("a/b.messi.h") != cpp::include_guard("a_b.messi.h"));
  CHECK(cpp::include_guard("a-b.messi.h") != cpp::include_guard("a_b.messi.h"));
  CHECK(cpp::include_guard("a__b.messi.h") != cpp::include_guard("a_b.messi.h"));
  CHECK(cpp::include_guard("A.messi.h") != cpp::include_guard("a.messi.h"));
  CHECK(cpp::include_guard("a_messi.h") != cpp::include_guard("a.messi.h"));
}

TEST_CASE("an include guard is a name that is not reserved", "[plugin]") {
  for (const char* path : {"2d.messi.h", "_a.messi.h", "a__b.messi.h", "-.messi.h", "ü.messi.h",
                           "a/_b/c-.messi.h", "a.messi.h"}) {
    CAPTURE(path);
    const std::string guard = cpp::include_guard(path);
    CHECK(is_identifier(guard));
    CHECK(guard.front() != '_');
    CHECK(guard.find("__") == std::string::npos);
  }
}

TEST_CASE("names follow the release of protobuf that generates the messages", "[plugin]") {
  CHECK(cpp::accessor("delete", 21) == "delete_");
  CHECK(cpp::accessor("fooBar", 21) == "foobar");
  CHECK(cpp::accessor("requires", 21) == "requires");
  CHECK(cpp::accessor("requires", 22) == "requires_");
  CHECK(cpp::accessor("assert", 22) == "assert");
  CHECK(cpp::accessor("assert", 23) == "assert_");
  CHECK(cpp::accessor("descriptor", 29) == "descriptor");
  CHECK(cpp::accessor("descriptor", 30) == "descriptor_");
  CHECK(cpp::namespace_name("a.namespace.b", 26) == "a::namespace::b");
  CHECK(cpp::namespace_name("a.namespace.b", 27) == "a::namespace_::b");
  CHECK(cpp::namespace_name("", 27).empty());

  File file;
  file.package = "a.b";
  Message type;
  type.file = &file;
  type.scope = {"New", "class"};
  CHECK(cpp::qualified_class(type, 21) == "::a::b::New_class");
  CHECK(cpp::qualified_class(type, 30) == "::a::b::New__class");
  type.scope = {"class"};
  file.package = "";
  CHECK(cpp::qualified_class(type, 21) == "::class_");
}

TEST_CASE("names are the ones that this release of protobuf has for them", "[plugin]") {
  const int release = GOOGLE_PROTOBUF_VERSION / 1000 % 1000;
  const std::vector<std::string> names = {"connect_req",
                                          "fooBar",
                                          "FOO",
                                          "_a__b_",
                                          "x1y",
                                          "x1_y2z",
                                          "NULL",
                                          "alignas",
                                          "alignof",
                                          "and",
                                          "and_eq",
                                          "asm",
                                          "assert",
                                          "auto",
                                          "bitand",
                                          "bitor",
                                          "bool",
                                          "break",
                                          "case",
                                          "catch",
                                          "char",
                                          "char16_t",
                                          "char32_t",
                                          "char8_t",
                                          "class",
                                          "co_await",
                                          "co_return",
                                          "co_yield",
                                          "compl",
                                          "concept",
                                          "const",
                                          "const_cast",
                                          "consteval",
                                          "constexpr",
                                          "constinit",
                                          "continue",
                                          "decltype",
                                          "default",
                                          "delete",
                                          "do",
                                          "double",
                                          "dynamic_cast",
                                          "else",
                                          "enum",
                                          "explicit",
                                          "export",
                                          "extern",
                                          "false",
                                          "final",
                                          "float",
                                          "for",
                                          "friend",
                                          "goto",
                                          "if",
                                          "import",
                                          "inline",
                                          "int",
                                          "long",
                                          "module",
                                          "mutable",
                                          "namespace",
                                          "new",
                                          "noexcept",
                                          "not",
                                          "not_eq",
                                          "nullptr",
                                          "operator",
                                          "or",
                                          "or_eq",
                                          "override",
                                          "private",
                                          "protected",
                                          "public",
                                          "register",
                                          "reinterpret_cast",
                                          "requires",
                                          "return",
                                          "short",
                                          "signed",
                                          "sizeof",
                                          "static",
                                          "static_assert",
                                          "static_cast",
                                          "struct",
                                          "switch",
                                          "template",
                                          "this",
                                          "thread_local",
                                          "throw",
                                          "true",
                                          "try",
                                          "typedef",
                                          "typeid",
                                          "typename",
                                          "union",
                                          "unsigned",
                                          "using",
                                          "virtual",
                                          "void",
                                          "volatile",
                                          "wchar_t",
                                          "while",
                                          "xor",
                                          "xor_eq",
                                          "swap",
                                          "New",
                                          "Clear",
                                          "Swap",
                                          "descriptor",
                                          "default_instance",
                                          "unknown_fields",
                                          "mutable_unknown_fields",
                                          "GetDescriptor",
                                          "CopyFrom",
                                          "EOF",
                                          "errno"};
  for (const std::string& name : names) {
    CAPTURE(name);
    // A message of that name, with a member of that name, in a package of its own.
    FileDescriptorProto proto;
    proto.set_name(name + ".proto");
    proto.set_package("acme.names");
    DescriptorProto& message = *proto.add_message_type();
    message.set_name(name);
    message.add_nested_type()->set_name("Nested");
    message.add_oneof_decl()->set_name("messages_");
    FieldDescriptorProto& field = *message.add_field();
    field.set_name(name);
    field.set_number(1);
    field.set_label(FieldDescriptorProto::LABEL_OPTIONAL);
    field.set_type(FieldDescriptorProto::TYPE_BOOL);
    field.set_oneof_index(0);
    DescriptorPool pool;
    const google::protobuf::FileDescriptor* built = pool.BuildFile(proto);
    REQUIRE(built != nullptr);

    namespace theirs = google::protobuf::compiler::cpp;
    const google::protobuf::Descriptor& descriptor = *built->message_type(0);
    File file;
    file.package = "acme.names";
    Message type;
    type.file = &file;
    type.scope = {name};
    CHECK(cpp::qualified_class(type, release) ==
          to_string(theirs::QualifiedClassName(&descriptor)));
    type.scope.emplace_back("Nested");
    CHECK(cpp::qualified_class(type, release) ==
          to_string(theirs::QualifiedClassName(descriptor.nested_type(0))));
    CHECK(cpp::accessor(name, release) == to_string(theirs::FieldName(descriptor.field(0))));
    CHECK(cpp::case_constant(name) ==
          to_string(theirs::OneofCaseConstantName(descriptor.field(0))));
  }
}
