#include "python_names.h"

#include <algorithm>
#include <array>

#include "../names.h"

namespace messi::plugin::python {
namespace {

constexpr std::array<std::string_view, 35> kKeywords = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

/// `acme/my-chat.proto` -> `acme.my_chat`
std::string module_stem(std::string_view proto_path) {
  std::string stem = strip_proto(proto_path);
  std::replace(stem.begin(), stem.end(), '-', '_');
  std::replace(stem.begin(), stem.end(), '/', '.');
  return stem;
}

std::string module_path(std::string module) {
  std::replace(module.begin(), module.end(), '.', '/');
  return module + ".py";
}

std::string last_part(std::string_view module) {
  return std::string(module.substr(module.rfind('.') + 1));
}

std::string class_base(const Protocol& protocol, const Options& options) {
  return options.class_prefix + pascal_case(protocol.name);
}

}  // namespace

std::string client_path(std::string_view proto_path) {
  return module_path(module_stem(proto_path) + "_client");
}

std::string server_path(std::string_view proto_path) {
  return module_path(module_stem(proto_path) + "_server");
}

std::string client_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Client";
}

std::string server_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Server";
}

std::string server_client_class(const Protocol& protocol, const Options& options) {
  return server_class(protocol, options) + "Client";
}

bool is_keyword(std::string_view word) {
  return std::find(kKeywords.begin(), kKeywords.end(), word) != kKeywords.end();
}

std::string protobuf_module(std::string_view proto_path) {
  return module_stem(proto_path) + "_pb2";
}

ModuleNames::ModuleNames(const Protocol& protocol) {
  modules_.push_back(protobuf_module(protocol.proto_path));
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      const std::string module = protobuf_module(member.type.proto_path);
      if (std::find(modules_.begin(), modules_.end(), module) == modules_.end()) {
        modules_.push_back(module);
      }
    }
  }
}

std::string ModuleNames::name(std::string_view proto_path) const {
  std::string module = protobuf_module(proto_path);
  const std::string short_name = last_part(module);
  const auto users = std::count_if(modules_.begin(), modules_.end(), [&](const std::string& each) {
    return last_part(each) == short_name;
  });
  if (users == 1) return short_name;
  std::replace(module.begin(), module.end(), '.', '_');
  return module;
}

std::string ModuleNames::type(const MessageType& type) const {
  std::string qualified = name(type.proto_path);
  for (const std::string& part : type.scope) qualified += '.' + part;
  return qualified;
}

std::string ModuleNames::import_statement(std::string_view proto_path) const {
  const std::string module = protobuf_module(proto_path);
  const std::size_t dot = module.rfind('.');
  std::string statement = dot == std::string::npos ? "import " + module
                                                   : "from " + module.substr(0, dot) + " import " +
                                                         module.substr(dot + 1);
  if (name(proto_path) != last_part(module)) statement += " as " + name(proto_path);
  return statement;
}

}  // namespace messi::plugin::python
