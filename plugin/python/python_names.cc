#include "python_names.h"

#include <algorithm>

#include "../class_names.h"
#include "../names.h"

namespace messi::plugin::python {
namespace {

constexpr std::string_view kKeywords[] = {
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

}  // namespace

std::string client_path(std::string_view proto_path) {
  return module_path(module_stem(proto_path) + "_client");
}

std::string server_path(std::string_view proto_path) {
  return module_path(module_stem(proto_path) + "_server");
}

bool is_keyword(std::string_view word) { return is_among(kKeywords, word); }

bool is_private(std::string_view name) {
  constexpr std::string_view kUnderscores = "__";
  return name.substr(0, 2) == kUnderscores && name.substr(name.size() - 2) != kUnderscores;
}

std::string protobuf_module(std::string_view proto_path) {
  return module_stem(proto_path) + "_pb2";
}

ModuleNames::ModuleNames(const std::vector<const File*>& files) {
  for (const File* file : files) {
    const std::string module = protobuf_module(file->path);
    const bool is_known = std::any_of(modules_.begin(), modules_.end(),
                                      [&](const Module& each) { return each.module == module; });
    if (!is_known) modules_.push_back({module, ""});
  }

  // First those that keep their last name.
  for (Module& each : modules_) {
    const std::string name = last_part(each.module);
    const auto users = std::count_if(modules_.begin(), modules_.end(), [&](const Module& other) {
      return last_part(other.module) == name;
    });
    if (users == 1 && !is_private(name)) each.name = name;
  }
  for (Module& each : modules_) {
    if (!each.name.empty()) continue;
    std::string name = each.module;
    std::replace(name.begin(), name.end(), '.', '_');
    if (is_private(name)) name.erase(0, name.find_first_not_of('_'));
    while (is_taken(name)) name += '_';
    each.name = name;
  }
}

bool ModuleNames::is_taken(const std::string& name) const {
  return std::any_of(modules_.begin(), modules_.end(),
                     [&](const Module& each) { return each.name == name; });
}

std::string ModuleNames::name(std::string_view proto_path) const {
  const std::string module = protobuf_module(proto_path);
  return std::find_if(modules_.begin(), modules_.end(),
                      [&](const Module& each) { return each.module == module; })
      ->name;
}

std::string ModuleNames::type(const Message& type) const {
  std::string qualified = name(type.file->path);
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
