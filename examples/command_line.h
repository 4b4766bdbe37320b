#ifndef EXAMPLES_COMMAND_LINE_H_
#define EXAMPLES_COMMAND_LINE_H_

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "messi/tls.h"

/// What a program was told: its arguments in order, and for tls:// the flags --ca FILE, --cert FILE
/// and --key FILE.
class CommandLine {
 public:
  /// `files`: further flags that have a file. `switches`: flags that have nothing.
  CommandLine(int argc, char* argv[], const std::set<std::string>& files = {},
              const std::set<std::string>& switches = {}) {
    for (const std::string& flag : files) files_[flag];
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      if (word.substr(0, 2) != "--") {
        arguments_.push_back(word);
      } else if (switches.count(word) > 0) {
        switched_.insert(word);
      } else if (const auto file = files_.find(word); file != files_.end() && i + 1 < argc) {
        file->second = argv[++i];
      } else {
        std::cerr << word << (file == files_.end() ? " is unknown" : " needs a file")
                  << "; known are " << known(switches) << '\n';
        std::exit(2);
      }
    }
  }

  std::size_t size() const { return arguments_.size(); }
  std::string argument(std::size_t i, const std::string& otherwise) const {
    return i < arguments_.size() ? arguments_[i] : otherwise;
  }
  /// "" if it was not given.
  std::string file(const std::string& flag) const { return files_.at(flag); }
  bool has(const std::string& flag) const { return switched_.count(flag) > 0; }

  /// A client with --ca trusts these authorities instead of the system's.
  messi::tls::Config for_client() const {
    messi::tls::Config config = own();
    config.ca_file = file("--ca");
    return config;
  }
  /// A server with --ca demands certificates of its clients, from these authorities.
  messi::tls::Config for_server() const {
    messi::tls::Config config = own();
    config.client_ca_file = file("--ca");
    return config;
  }

 private:
  messi::tls::Config own() const {
    messi::tls::Config config;
    config.certificate_file = file("--cert");
    config.key_file = file("--key");
    return config;
  }

  std::string known(const std::set<std::string>& switches) const {
    std::vector<std::string> flags(switches.begin(), switches.end());
    for (const auto& [flag, file] : files_) flags.push_back(flag + " FILE");
    std::string result = flags.front();
    for (std::size_t i = 1; i < flags.size(); ++i) {
      result += (i + 1 < flags.size() ? ", " : " and ") + flags[i];
    }
    return result;
  }

  std::vector<std::string> arguments_;
  std::map<std::string, std::string> files_ = {{"--ca", ""}, {"--cert", ""}, {"--key", ""}};
  std::set<std::string> switched_;
};

#endif  // EXAMPLES_COMMAND_LINE_H_
