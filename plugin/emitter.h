#ifndef MESSI_PLUGIN_EMITTER_H_
#define MESSI_PLUGIN_EMITTER_H_

#include <string>
#include <vector>

#include "diagnostics.h"
#include "options.h"
#include "protocol.h"

namespace messi::plugin {

/// A generated file.
struct Output {
  std::string path;  ///< `acme/chat.messi.h`
  std::string text;
};

/// Prints protocols in one language. To add a language, implement this in a folder of its own and
/// name it in languages.cc.
class Emitter {
 public:
  virtual ~Emitter() = default;

  /// The options that only this language has. Setting one changes this emitter.
  virtual std::vector<Option> options() { return {}; }

  /// Refuses a legal protocol that this language cannot express, such as one with two members whose
  /// names become the same.
  virtual void check(const Protocol& protocol, const Options& options,
                     Diagnostics& diagnostics) const = 0;

  /// Refuses what this language cannot express in a file's messages, whether it has a protocol or
  /// not.
  virtual void check_file(const File& /*file*/, const Options& /*options*/,
                          Diagnostics& /*diagnostics*/) const {}

  /// The output for a protocol that passed `check`.
  virtual std::vector<Output> emit(const Protocol& protocol, const Options& options) const = 0;

  /// The output for a proto that defines no protocol. There is always one, because build systems
  /// expect it.
  virtual std::vector<Output> emit_nothing(const File& file, const Options& options) const = 0;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_EMITTER_H_
