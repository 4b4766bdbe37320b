#ifndef MESSI_PLUGIN_DIAGNOSTICS_H_
#define MESSI_PLUGIN_DIAGNOSTICS_H_

#include <string>
#include <string_view>
#include <vector>

namespace messi::plugin {

/// A place in a proto file, counted from 1. Line 0: the place is unknown, for example because
/// protoc got descriptor sets without source information. No file: it is not about a proto.
struct Location {
  std::string file;
  int line = 0;
  int column = 0;
};

/// Gathers the errors and warnings of all files of a run, so that the user sees them at once.
class Diagnostics {
 public:
  /// `problem` says what is wrong, `remedy` what to write instead.
  void error(const Location& location, std::string_view problem, std::string_view remedy);

  /// The same for what is legal, but probably a mistake.
  void warning(const Location& location, std::string_view problem, std::string_view remedy);

  /// Appends all of `other`.
  void add(Diagnostics other);

  /// Whether there are no errors.
  bool empty() const { return errors_.empty(); }

  /// Each warning as `file:line:column: warning: problem; remedy` on its own line.
  const std::string& warnings() const { return warnings_; }

  /// The number of errors, then each as `file:line:column: error: problem; remedy` on its own line.
  /// The errors of a file are in the order of their places, the files in the order of the run.
  std::string report() const;

 private:
  struct Error {
    Location location;
    std::string text;
  };

  void add(Error error);

  std::vector<Error> errors_;
  std::string warnings_;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_DIAGNOSTICS_H_
