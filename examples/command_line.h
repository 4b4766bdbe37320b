#ifndef EXAMPLES_COMMAND_LINE_H_
#define EXAMPLES_COMMAND_LINE_H_

#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "messi/tls.h"

/// What a program was told: its arguments in order, and for tls:// the flags --ca FILE, --cert FILE
/// and --key FILE.
class CommandLine {
 public:
  CommandLine(int argc, char* argv[]) {
    for (int i = 1; i < argc; ++i) {
      const std::string_view word = argv[i];
      if (word.substr(0, 2) != "--") {
        arguments_.emplace_back(word);
        continue;
      }
      std::string* const file = word == "--ca"     ? &ca_
                                : word == "--cert" ? &certificate_
                                : word == "--key"  ? &key_
                                                   : nullptr;
      if (file == nullptr || i + 1 == argc) {
        std::cerr << word << (file == nullptr ? " is unknown" : " needs a file")
                  << "; known are --ca FILE, --cert FILE and --key FILE\n";
        std::exit(2);
      }
      *file = argv[++i];
    }
  }

  std::size_t size() const { return arguments_.size(); }
  std::string argument(std::size_t i, const std::string& otherwise) const {
    return i < arguments_.size() ? arguments_[i] : otherwise;
  }

  /// A client with --ca trusts these authorities instead of the system's.
  messi::tls::Config for_client() const {
    messi::tls::Config config = own();
    config.ca_file = ca_;
    return config;
  }
  /// A server with --ca demands certificates of its clients, from these authorities.
  messi::tls::Config for_server() const {
    messi::tls::Config config = own();
    config.client_ca_file = ca_;
    return config;
  }

 private:
  messi::tls::Config own() const {
    messi::tls::Config config;
    config.certificate_file = certificate_;
    config.key_file = key_;
    return config;
  }

  std::vector<std::string> arguments_;
  std::string ca_;
  std::string certificate_;
  std::string key_;
};

#endif  // EXAMPLES_COMMAND_LINE_H_
