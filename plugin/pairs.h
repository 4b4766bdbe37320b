#ifndef MESSI_PLUGIN_PAIRS_H_
#define MESSI_PLUGIN_PAIRS_H_

#include "diagnostics.h"
#include "protocol.h"

namespace messi::plugin {

/// Finds the pairs of a protocol, requests and their replies. `X_req` of one direction and `X_rsp`
/// of the other are a pair, unless the option `(messi.reply)` of the request says otherwise.
void find_pairs(Protocol& protocol, Diagnostics& diagnostics);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_PAIRS_H_
