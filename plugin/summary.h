#ifndef MESSI_PLUGIN_SUMMARY_H_
#define MESSI_PLUGIN_SUMMARY_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol.h"
#include "text.h"

namespace messi::plugin {

/// A summary of the protocol, as a comment whose lines begin with `marker`. Every generated file
/// begins with it.
void emit_summary(Text& text, const Protocol& protocol, std::string_view marker);

/// The summary in at most `most_lines` lines, which must be 12 or more. If it does not fit, it has
/// only the beginning and the numbers, and `rest` has the whole summary for further below.
struct BoundedSummary {
  BoundedSummary(const Protocol& protocol, std::string_view marker, std::size_t most_lines);

  std::string first;
  std::string rest;  ///< Empty if the summary fits.
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SUMMARY_H_
