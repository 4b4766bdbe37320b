#ifndef MESSI_PLUGIN_PYTHON_PYTHON_NAMES_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "../options.h"
#include "../protocol.h"

namespace messi::plugin::python {

// Our names.

/// `acme/my-chat.proto` -> `acme/my_chat_client.py`
std::string client_path(std::string_view proto_path);
std::string server_path(std::string_view proto_path);

/// Whether it is a keyword, which cannot be a name.
bool is_keyword(std::string_view word);

/// Whether Python changes the name inside a class: there `__Foo` is `_Chat__Foo`.
bool is_private(std::string_view name);

// Protobuf's names.

/// `acme/my-chat.proto` -> `acme.my_chat_pb2`. Dots of the path separate modules too.
std::string protobuf_module(std::string_view proto_path);

/// The names in a generated module for the modules of protobuf's code that it uses.
class ModuleNames {
 public:
  explicit ModuleNames(const std::vector<const File*>& files);

  /// `acme/chat.proto` -> `chat_pb2`, or `acme_chat_pb2` where several would have that name. No two
  /// are the same, and none begins with two underscores.
  std::string name(std::string_view proto_path) const;

  /// `chat.Outer.Inner` -> `chat_pb2.Outer.Inner`
  std::string type(const Message& type) const;

  /// `from acme import chat_pb2`
  std::string import_statement(std::string_view proto_path) const;

 private:
  struct Module {
    std::string module;
    std::string name;
  };

  bool is_taken(const std::string& name) const;

  std::vector<Module> modules_;
};

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_NAMES_H_
