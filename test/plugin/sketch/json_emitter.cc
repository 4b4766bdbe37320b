#include "json_emitter.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "names.h"
#include "text.h"

namespace messi::plugin::json {
namespace {

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '\n') {
      json += "\\n";
    } else {
      if (c == '"' || c == '\\') json += '\\';
      json += c;
    }
  }
  return json + '"';
}

std::string quoted_name(const Type* type) { return type == nullptr ? "" : quoted(type->full_name); }

std::string if_true(bool is_true) { return is_true ? "true" : ""; }

/// `{"name": "say", "number": 1}`, without what has no value.
std::string object(const std::vector<std::pair<std::string, std::string>>& values) {
  std::string json;
  for (const auto& [name, value] : values) {
    if (!value.empty()) json += (json.empty() ? "{" : ", ") + quoted(name) + ": " + value;
  }
  return json + '}';
}

template <typename Things, typename ToJson>
std::string list(const Things& things, std::string_view separator, const ToJson& to_json) {
  std::string json;
  for (const auto& thing : things) {
    if (!json.empty()) json += separator;
    json += to_json(thing);
  }
  return json;
}

template <typename Things, typename ToJson>
std::string lines(const Things& things, const ToJson& to_json) {
  return list(things, ",\n", to_json);
}

class JsonEmitter : public Emitter {
 public:
  std::vector<Option> options() override {
    return {{"comments",
             "on|off",
             "on or off",
             {"JSON: whether to have the comments of the proto. Default: on."},
             [this](std::string_view value) {
               has_comments_ = value == "on";
               return has_comments_ || value == "off";
             }}};
  }

  void check(const Protocol& protocol, const Options& /*options*/,
             Diagnostics& diagnostics) const override {
    for (const Enum* each : protocol.enums) {
      if (each->name() != "JSON") continue;
      diagnostics.error(each->location, "enum \"JSON\" has the name of the language itself",
                        "give it another name");
    }
  }

  std::vector<Output> emit(const Protocol& protocol, const Options& /*options*/) const override {
    const auto member = [this](const Member& each) { return of_member(each); };
    const auto message = [this](const Message* each) { return of_message(*each); };
    const auto enumeration = [this](const Enum* each) { return of_enum(*each); };
    Text text;
    text.emit({{"protocol", object({{"name", quoted(protocol.name)},
                                    {"package", quoted(protocol.file.package)},
                                    {"comment", comment(protocol.file.comment)}})},
               {"to_server", lines(protocol.client_to_server.members, member)},
               {"to_client", lines(protocol.server_to_client.members, member)},
               {"messages", lines(protocol.messages, message)},
               {"enums", lines(protocol.enums, enumeration)}},
              R"json(
                {
                  "protocol": $protocol$,
                  "client_to_server": [
                    $to_server$
                  ],
                  "server_to_client": [
                    $to_client$
                  ],
                  "messages": [
                    $messages$
                  ],
                  "enums": [
                    $enums$
                  ]
                }
              )json");
    return {{strip_proto(protocol.file.path) + ".json", text.str()}};
  }

  std::vector<Output> emit_nothing(const File& file, const Options& /*options*/) const override {
    return {{strip_proto(file.path) + ".json", "{}\n"}};
  }

 private:
  std::string comment(const Comment& comment) const {
    if (!has_comments_ || comment.empty()) return "";
    return '[' + list(comment, ", ", quoted) + ']';
  }

  std::string of_member(const Member& member) const {
    return object({{"name", quoted(member.field.name)},
                   {"number", std::to_string(member.field.number)},
                   {"type", quoted_name(&member.type)},
                   {"type_is_unique", if_true(member.type_is_unique)}});
  }

  std::string of_message(const Message& message) const {
    const auto field = [this](const Field& each) { return of_field(each); };
    const std::string start = object({{"name", quoted_name(&message)},
                                      {"file", quoted(message.file->path)},
                                      {"in", quoted_name(message.parent)},
                                      {"deprecated", if_true(message.deprecated)},
                                      {"extensible", if_true(message.has_extension_ranges)},
                                      {"comment", comment(message.comment)}});
    Text text;
    text.emit(
        {{"start", start.substr(0, start.size() - 1)}, {"fields", lines(message.fields, field)}},
        R"json(
                $start$, "fields": [
                  $fields$
                ]}
              )json");
    return text.str().substr(0, text.str().size() - 1);
  }

  std::string of_field(const Field& field) const {
    if (field.is_map()) {
      return object({{"name", quoted(field.name)},
                     {"number", std::to_string(field.number)},
                     {"key", of_field(field.message->fields.at(0))},
                     {"value", of_field(field.message->fields.at(1))},
                     {"comment", comment(field.comment)}});
    }
    return object({{"name", quoted(field.name)},
                   {"number", std::to_string(field.number)},
                   {"label", quoted(name_of(field.label))},
                   {"type", quoted(name_of(field.type))},
                   {"message", quoted_name(field.message)},
                   {"enum", quoted_name(field.enumeration)},
                   {"oneof", field.oneof == nullptr ? "" : quoted(field.oneof->name)},
                   {"default", field.default_value ? quoted(*field.default_value) : ""},
                   {"packed", if_true(field.is_packed)},
                   {"utf8", if_true(field.must_be_utf8)},
                   {"deprecated", if_true(field.deprecated)},
                   {"comment", comment(field.comment)}});
  }

  std::string of_enum(const Enum& enumeration) const {
    const auto value = [this](const EnumValue& each) {
      return object({{"name", quoted(each.name)},
                     {"number", std::to_string(each.number)},
                     {"deprecated", if_true(each.deprecated)},
                     {"comment", comment(each.comment)}});
    };
    return object({{"name", quoted_name(&enumeration)},
                   {"file", quoted(enumeration.file->path)},
                   {"in", quoted_name(enumeration.parent)},
                   {"closed", if_true(enumeration.is_closed)},
                   {"comment", comment(enumeration.comment)},
                   {"values", '[' + list(enumeration.values, ", ", value) + ']'}});
  }

  bool has_comments_ = true;
};

}  // namespace

std::unique_ptr<Emitter> make_emitter() { return std::make_unique<JsonEmitter>(); }

}  // namespace messi::plugin::json
