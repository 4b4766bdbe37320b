#include "protocol.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/text_format.h>

#include <string>
#include <vector>

#include "schema_reader.h"
#include "test/catch.h"

// What is refused, and how, is shown by the cases in test/rejected.

using namespace messi::plugin;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::TextFormat;

namespace {

/// A protocol without source information: no places and no comments.
FileDescriptorProto acme_chat() {
  FileDescriptorProto file;
  REQUIRE(TextFormat::ParseFromString(R"pb(
                                        name: "acme/chat.proto"
                                        package: "acme.chat"
                                        message_type {
                                          name: "ClientToServer"
                                          oneof_decl { name: "messages" }
                                          field {
                                            name: "first"
                                            number: 7
                                            label: LABEL_OPTIONAL
                                            type: TYPE_MESSAGE
                                            type_name: ".acme.chat.Outer.Inner"
                                            oneof_index: 0
                                          }
                                          field {
                                            name: "second"
                                            number: 3
                                            label: LABEL_OPTIONAL
                                            type: TYPE_MESSAGE
                                            type_name: ".acme.chat.Outer"
                                            oneof_index: 0
                                            options { deprecated: true }
                                          }
                                          field {
                                            name: "third"
                                            number: 9
                                            label: LABEL_OPTIONAL
                                            type: TYPE_MESSAGE
                                            type_name: ".acme.chat.Outer"
                                            oneof_index: 0
                                          }
                                        }
                                        message_type {
                                          name: "ServerToClient"
                                          oneof_decl { name: "messages" }
                                          field {
                                            name: "only"
                                            number: 1
                                            label: LABEL_OPTIONAL
                                            type: TYPE_MESSAGE
                                            type_name: ".acme.chat.Outer"
                                            oneof_index: 0
                                          }
                                        }
                                        message_type {
                                          name: "Outer"
                                          nested_type { name: "Inner" }
                                        }
                                      )pb",
                                      &file));
  return file;
}

const google::protobuf::FileDescriptor* build(const FileDescriptorProto& file,
                                              DescriptorPool& pool) {
  const auto* const built = pool.BuildFile(file);
  REQUIRE(built != nullptr);
  return built;
}

/// A file, and what is read from it.
struct Read {
  explicit Read(const FileDescriptorProto& file)
      : schema(read_schema({build(file, pool)})),
        protocol(read_protocol(schema, schema.files.back(), diagnostics)) {}

  DescriptorPool pool;
  Schema schema;
  Diagnostics diagnostics;
  std::optional<Protocol> protocol;
};

}  // namespace

TEST_CASE("the model has what the proto says, in its order", "[plugin]") {
  const Read read(acme_chat());
  const std::optional<Protocol>& protocol = read.protocol;
  REQUIRE(protocol);
  CHECK(read.diagnostics.empty());
  CHECK(protocol->file.path == "acme/chat.proto");
  CHECK(protocol->name == "chat");
  CHECK(protocol->file.package == "acme.chat");

  const std::vector<Member>& members = protocol->client_to_server.members;
  REQUIRE(members.size() == 3);
  CHECK(members[0].field.name == "first");
  CHECK(members[0].field.number == 7);
  CHECK(members[0].type.full_name == "acme.chat.Outer.Inner");
  CHECK(members[0].type.file->package == "acme.chat");
  CHECK(members[0].type.scope == std::vector<std::string>{"Outer", "Inner"});
  CHECK(members[0].type.file->path == "acme/chat.proto");
  CHECK(members[0].type_is_unique);
  CHECK_FALSE(members[0].field.deprecated);
  CHECK(members[1].field.name == "second");
  CHECK(members[1].field.deprecated);
  CHECK_FALSE(members[1].type_is_unique);
  CHECK_FALSE(members[2].type_is_unique);
  CHECK(protocol->server_to_client.members.at(0).type_is_unique);
}

TEST_CASE("an error in a proto without source information names the file", "[plugin]") {
  FileDescriptorProto proto = acme_chat();
  proto.mutable_message_type(1)->mutable_oneof_decl(0)->set_name("message");
  const Read read(proto);
  CHECK_FALSE(read.protocol);
  CHECK(read.diagnostics.report() ==
        "1 error\n"
        "acme/chat.proto: error: the oneof of ServerToClient is named \"message\"; name it "
        "\"messages\"");
}

TEST_CASE("a file without the two messages has no protocol, and no errors", "[plugin]") {
  FileDescriptorProto proto;
  proto.set_name("nothing.proto");
  const Read read(proto);
  CHECK_FALSE(read.protocol);
  CHECK(read.diagnostics.empty());
}

TEST_CASE("a place that no file can have is not known", "[plugin]") {
  for (const int line : {std::numeric_limits<int>::max(), -5}) {
    FileDescriptorProto proto = acme_chat();
    proto.mutable_message_type(1)->mutable_oneof_decl(0)->set_name("message");
    auto& place = *proto.mutable_source_code_info()->add_location();
    for (const int step : {4, 1, 8, 0}) place.add_path(step);
    for (const int number : {line, line, line}) place.add_span(number);
    const Read read(proto);
    CHECK_FALSE(read.protocol);
    CHECK(read.diagnostics.report().find("acme/chat.proto: error: the oneof") != std::string::npos);
  }
}

TEST_CASE("a file that was nearly a protocol is warned of, and no other", "[plugin]") {
  const auto warnings = [](const std::string& name, const std::string& outer, bool has_oneof) {
    FileDescriptorProto proto;
    proto.set_name("chat.proto");
    auto* message = proto.add_message_type();
    if (!outer.empty()) {
      message->set_name(outer);
      message = message->add_nested_type();
    }
    message->set_name(name);
    if (has_oneof) {
      message->add_oneof_decl()->set_name("messages");
      auto& field = *message->add_field();
      field.set_name("number");
      field.set_number(1);
      field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
      field.set_type(google::protobuf::FieldDescriptorProto::TYPE_INT32);
      field.set_oneof_index(0);
    }
    const Read read(proto);
    CHECK_FALSE(read.protocol);
    CHECK(read.diagnostics.empty());
    return read.diagnostics.warnings();
  };
  for (const std::string name : {"client_to_server", "ClientToserver", "CLIENT_TO_SERVER"}) {
    const std::string warning = "chat.proto: warning: message \"" + name +
                                "\" looks like ClientToServer, but is not called so, and this file "
                                "has no protocol; call it ClientToServer\n";
    CHECK(warnings(name, "", false) == warning);
    CHECK(warnings(name, "", true) == warning);
  }
  CHECK(warnings("ServerToClient", "Outer", false) ==
        "chat.proto: warning: message \"Outer.ServerToClient\" looks like ServerToClient, but is "
        "nested, and this file has no protocol; move it out of \"Outer\" and call it "
        "ServerToClient\n");
  for (const std::string name : {"ClientToSever", "CleintToServer", "ClientToServers"}) {
    CHECK(warnings(name, "", true).find("looks like ClientToServer") != std::string::npos);
    CHECK(warnings(name, "", false).empty());
  }
  for (const std::string name : {"Client", "ServerStatus", "ClientToBroker", "Messages"}) {
    CHECK(warnings(name, "", true).empty());
  }
}

namespace {

/// A protocol with members of one type, `name` or `name=reply`.
FileDescriptorProto with_members(const std::vector<std::string>& up,
                                 const std::vector<std::string>& down) {
  FileDescriptorProto file;
  file.set_name("pairs.proto");
  file.add_message_type()->set_name("Message");
  const auto add = [&file](const std::string& name, const std::vector<std::string>& members) {
    auto& message = *file.add_message_type();
    message.set_name(name);
    message.add_oneof_decl()->set_name("messages");
    for (const std::string& member : members) {
      auto& field = *message.add_field();
      field.set_name(member);
      field.set_number(message.field_size());
      field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
      field.set_type(google::protobuf::FieldDescriptorProto::TYPE_MESSAGE);
      field.set_type_name(".Message");
      field.set_oneof_index(0);
    }
  };
  add("ClientToServer", up);
  add("ServerToClient", down);
  return file;
}

}  // namespace

TEST_CASE("a request and a reply of opposite directions are a pair", "[plugin]") {
  const Read read(with_members({"a_req", "b_rsp", "c_req", "d", "_req", "e_rsp"},
                               {"b_req", "a_rsp", "d_rsp", "_rsp", "e_rsp"}));
  REQUIRE(read.protocol);
  const Direction& up = read.protocol->client_to_server;
  const Direction& down = read.protocol->server_to_client;
  CHECK(up.members[0].reply == &down.members[1]);
  CHECK(down.members[1].request == &up.members[0]);
  CHECK(down.members[0].reply == &up.members[1]);
  CHECK_FALSE(up.members[2].is_request());
  CHECK_FALSE(up.members[3].is_request());
  CHECK(up.members[4].reply == &down.members[3]);
  CHECK_FALSE(up.members[5].is_reply());
  CHECK(has_pairs(*read.protocol));
  CHECK_FALSE(has_pairs(*Read(with_members({"a_req", "a_rsp"}, {"b"})).protocol));
}
