#include "request.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "names.h"
#include "split.h"

namespace messi::plugin {
namespace {

struct Setting {
  std::string_view name;
  std::string_view value;
};

/// `side=client,lang=cpp`: protoc and buf join the options that they get.
std::vector<Setting> read_settings(std::string_view parameter) {
  std::vector<Setting> settings;
  for (const std::string_view setting : split(parameter, ',')) {
    if (setting.empty()) continue;
    const std::size_t equals = std::min(setting.find('='), setting.size());
    settings.push_back(
        {setting.substr(0, equals), setting.substr(std::min(equals + 1, setting.size()))});
  }
  return settings;
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

bool set_class_prefix(std::string_view value, Options& options) {
  if (value.empty() || !is_upper(value.front()) || !consists_of_alnum(value)) return false;
  options.class_prefix = value;
  return true;
}

std::string language_names(const Languages& languages, std::string_view separator) {
  std::string names;
  for (const Language& language : languages) {
    if (!names.empty()) names += separator;
    names += language.name;
  }
  return names;
}

/// A language, and its own options.
struct Choice {
  explicit Choice(const Language& language)
      : name(language.name), emitter(language.make_emitter()), options(emitter->options()) {}

  std::string_view name;
  std::unique_ptr<Emitter> emitter;
  std::vector<Option> options;
};

const Option* find(const std::vector<Option>& options, std::string_view name) {
  const auto place = std::find_if(options.begin(), options.end(),
                                  [&](const Option& each) { return each.name == name; });
  return place == options.end() ? nullptr : &*place;
}

std::string in_words(std::string_view name) { return "option " + in_quotes(name); }

class Parser {
 public:
  Parser(const Languages& languages, Diagnostics& diagnostics)
      : choices_(languages.begin(), languages.end()),
        common_(common_options(languages)),
        diagnostics_(diagnostics) {}

  Request parse(std::string_view parameter) {
    const std::vector<Setting> settings = read_settings(parameter);
    // First, since the language decides which options there are.
    for (const Setting& setting : settings) {
      if (setting.name == "lang") set_language(setting.value);
    }
    std::set<std::string_view> seen;
    for (const Setting& setting : settings) {
      if (seen.insert(setting.name).second) {
        apply(setting);
      } else {
        diagnostics_.error({}, in_words(setting.name) + " was given twice", "write it once");
      }
    }
    return {choice_->name, std::move(choice_->emitter), std::move(options_)};
  }

  std::string help() const {
    std::string help;
    for (const Option* option : all()) {
      help += "  " + std::string(option->name) + '=' + option->values + '\n';
      for (const std::string& line : option->help) help += "      " + line + '\n';
    }
    return help;
  }

 private:
  std::vector<Option> common_options(const Languages& languages) {
    return {
        {"side",
         "client|server|both",
         "client, server or both",
         {"The side to generate. Default: both."},
         [this](std::string_view value) { return set_side(value, options_); }},
        {"lang",
         language_names(languages, "|"),
         language_names(languages, " or "),
         {"The language to generate. Default: " + std::string(languages.front().name) + '.'},
         [this](std::string_view value) { return set_language(value); }},
        {"class_prefix",
         "<Name>",
         "letters and digits, a capital first",
         {"Put in front of the classes' names: with Acme, ChatClient becomes", "AcmeChatClient."},
         [this](std::string_view value) { return set_class_prefix(value, options_); }},
    };
  }

  bool set_language(std::string_view name) {
    for (Choice& choice : choices_) {
      if (choice.name != name) continue;
      choice_ = &choice;
      return true;
    }
    return false;
  }

  void apply(const Setting& setting) {
    const Option* option = find(common_, setting.name);
    if (option == nullptr) option = find(choice_->options, setting.name);
    if (option == nullptr) {
      refuse(setting.name);
    } else if (!option->set(setting.value)) {
      diagnostics_.error({}, in_words(option->name) + " is " + in_quotes(setting.value),
                         "write " + option->allowed);
    }
  }

  void refuse(std::string_view name) {
    for (const Choice& other : choices_) {
      if (find(other.options, name) == nullptr) continue;
      diagnostics_.error({}, in_words(name) + " was given with lang=" + std::string(choice_->name),
                         "it is for lang=" + std::string(other.name) + " only");
      return;
    }
    diagnostics_.error({}, in_words(name) + " is not known", "the options are " + all_names());
  }

  std::vector<const Option*> all() const {
    std::vector<const Option*> all;
    for (const Option& option : common_) all.push_back(&option);
    for (const Choice& choice : choices_) {
      for (const Option& option : choice.options) all.push_back(&option);
    }
    return all;
  }

  std::string all_names() const {
    std::string names;
    const std::vector<const Option*> options = all();
    for (const Option* option : options) {
      if (option == options.back()) {
        names += " and ";
      } else if (!names.empty()) {
        names += ", ";
      }
      names += option->name;
    }
    return names;
  }

  std::vector<Choice> choices_;
  Choice* choice_ = &choices_.front();
  Options options_;
  std::vector<Option> common_;
  Diagnostics& diagnostics_;
};

}  // namespace

Request parse_request(std::string_view parameter, const Languages& languages,
                      Diagnostics& diagnostics) {
  return Parser(languages, diagnostics).parse(parameter);
}

std::string options_help(const Languages& languages) {
  Diagnostics none;
  return Parser(languages, none).help();
}

}  // namespace messi::plugin
