// The compiled flavour of TLS: see flavour.h.

#ifndef MESSI_COMPILED
#error "messi_tls.cc is for programs that define MESSI_COMPILED, for all of their sources"
#endif

#include "messi/io/tls/impl/network.h"
