#ifndef MESSI_PLUGIN_CPP_KINDS_H_
#define MESSI_PLUGIN_CPP_KINDS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "../protocol.h"
#include "texts.h"

namespace messi::plugin::cpp {

/// A member's type with generated code: it is flat, or has text.
struct Kind {
  const Message& type;
  std::string name;  ///< `Outer_Inner`, unique in the protocol.
};

class Kinds {
 public:
  Kinds(const Protocol& protocol, const TextTypes& texts);

  /// In the order of the types' names.
  const std::vector<Kind>& all() const { return kinds_; }

  /// Null if there is no code for the type.
  const Kind* find(const Message& type) const;

 private:
  std::vector<Kind> kinds_;
  std::map<const Message*, std::size_t> indexes_;
};

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_KINDS_H_
