#ifndef MESSI_PLUGIN_SUMMARY_H_
#define MESSI_PLUGIN_SUMMARY_H_

#include <string_view>

#include "protocol.h"
#include "text.h"

namespace messi::plugin {

/// A summary of the protocol, as a comment whose lines begin with `marker`. Every generated file
/// begins with it.
void emit_summary(Text& text, const Protocol& protocol, std::string_view marker);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SUMMARY_H_
