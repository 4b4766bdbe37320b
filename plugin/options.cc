#include "options.h"

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "languages.h"
#include "names.h"

namespace messi::plugin {
namespace {

struct OptionSpec {
  std::string_view name;
  std::string values;   ///< For the help: what stands behind the `=`.
  std::string allowed;  ///< For errors: completes "write ...".
  std::vector<std::string_view> help;
  std::string_view language;  ///< The only one that the option is for, or empty.
  std::function<bool(std::string_view value, Options&)> set;
};

std::string language_names(std::string_view separator) {
  std::string names;
  for (const Language& language : languages()) {
    if (!names.empty()) names += separator;
    names += language.name;
  }
  return names;
}

bool set_language(std::string_view value, Options& options) {
  for (const Language& language : languages()) {
    if (language.name != value) continue;
    options.language = &language;
    return true;
  }
  return false;
}

bool set_side(std::string_view value, Options& options) {
  if (value == "client") {
    options.side = Side::kClient;
  } else if (value == "server") {
    options.side = Side::kServer;
  } else if (value == "both") {
    options.side = Side::kBoth;
  } else {
    return false;
  }
  return true;
}

constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kAlnum =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::string_view kFileName =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+";
constexpr std::string_view kPath =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+/";

bool consists_of(std::string_view characters, std::string_view value) {
  return value.find_first_not_of(characters) == std::string_view::npos;
}

bool set_class_prefix(std::string_view value, Options& options) {
  if (value.empty() || !consists_of(kUpper, value.substr(0, 1)) || !consists_of(kAlnum, value)) {
    return false;
  }
  options.class_prefix = value;
  return true;
}

bool set_header_extension(std::string_view value, Options& options) {
  const bool is_protobufs = value == ".pb.h" || value == ".pb.cc" || value == ".proto";
  if (value.size() < 2 || value.front() != '.' || !consists_of(kFileName, value) || is_protobufs) {
    return false;
  }
  options.header_extension = value;
  return true;
}

bool set_runtime_include_prefix(std::string_view value, Options& options) {
  if (value.empty() || !consists_of(kPath, value)) return false;
  options.runtime_include_prefix = value;
  if (value.back() != '/') options.runtime_include_prefix += '/';
  return true;
}

const std::vector<OptionSpec>& option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"side",
       "client|server|both",
       "client, server or both",
       {"The side to generate. Default: both."},
       "",
       set_side},
      {"lang",
       language_names("|"),
       language_names(" or "),
       {"The language to generate. Default: cpp."},
       "",
       set_language},
      {"class_prefix",
       "<Name>",
       "letters and digits, a capital first",
       {"Put in front of the classes' names: with Acme, ChatClient becomes", "AcmeChatClient."},
       "",
       set_class_prefix},
      {"header_extension",
       "<.ext>",
       "what the header's name is to end with, a dot first, such as .messi.hpp",
       {"C++: the end of the header's name. Default: .messi.h."},
       "cpp",
       set_header_extension},
      {"runtime_include_prefix",
       "<path>",
       "a path of letters, digits and .-_+/",
       {"C++: put in front of the runtime's headers: with deps, they are included",
        "as \"deps/messi/client.h\"."},
       "cpp",
       set_runtime_include_prefix},
  };
  return specs;
}

std::string option_names() {
  std::string names;
  for (const OptionSpec& spec : option_specs()) {
    if (&spec == &option_specs().back()) {
      names += " and ";
    } else if (!names.empty()) {
      names += ", ";
    }
    names += spec.name;
  }
  return names;
}

struct Setting {
  std::string_view name;
  std::string_view value;
};

/// `side=client,lang=cpp`, as protoc and buf join what they were given.
std::vector<Setting> split(std::string_view parameter) {
  std::vector<Setting> settings;
  while (!parameter.empty()) {
    const std::size_t end = std::min(parameter.find(','), parameter.size());
    const std::string_view setting = parameter.substr(0, end);
    parameter.remove_prefix(std::min(end + 1, parameter.size()));
    if (setting.empty()) continue;
    const std::size_t equals = std::min(setting.find('='), setting.size());
    settings.push_back(
        {setting.substr(0, equals), setting.substr(std::min(equals + 1, setting.size()))});
  }
  return settings;
}

std::string option(std::string_view name) { return "option " + in_quotes(name); }

void apply(const Setting& setting, Options& options, Diagnostics& diagnostics) {
  const auto& specs = option_specs();
  const auto spec = std::find_if(specs.begin(), specs.end(),
                                 [&](const OptionSpec& each) { return each.name == setting.name; });
  if (spec == specs.end()) {
    diagnostics.error({}, option(setting.name) + " is not known",
                      "the options are " + option_names());
  } else if (!spec->set(setting.value, options)) {
    diagnostics.error({}, option(spec->name) + " is " + in_quotes(setting.value),
                      "write " + spec->allowed);
  }
}

void check_language(const Setting& setting, const Options& options, Diagnostics& diagnostics) {
  for (const OptionSpec& spec : option_specs()) {
    if (spec.name != setting.name || spec.language.empty()) continue;
    if (spec.language == options.language->name) continue;
    diagnostics.error(
        {}, option(spec.name) + " was given with lang=" + std::string(options.language->name),
        "it is for lang=" + std::string(spec.language) + " only");
  }
}

}  // namespace

Options parse_options(std::string_view parameter, Diagnostics& diagnostics) {
  Options options;
  options.language = &languages().front();
  const std::vector<Setting> settings = split(parameter);
  std::set<std::string_view> seen;
  for (const Setting& setting : settings) {
    if (!seen.insert(setting.name).second) {
      diagnostics.error({}, option(setting.name) + " was given twice", "write it once");
      continue;
    }
    apply(setting, options, diagnostics);
  }
  for (const Setting& setting : settings) check_language(setting, options, diagnostics);
  return options;
}

std::string options_help() {
  std::string help;
  for (const OptionSpec& spec : option_specs()) {
    help += "  " + std::string(spec.name) + '=' + spec.values + '\n';
    for (const std::string_view line : spec.help) help += "      " + std::string(line) + '\n';
  }
  return help;
}

}  // namespace messi::plugin
