#ifndef MESSI_FLAVOUR_H_
#define MESSI_FLAVOUR_H_

// The runtime comes in two flavours, of the same code:
//
// - header-only, unless something is said: include and use.
// - compiled: MESSI_COMPILED is defined for all sources of a program, and messi/messi.cc is one of
//   them, or in a library. Then clients, servers and loops are compiled once instead of in every
//   file that uses them, and their headers do without those of Abseil: who names absl::Status
//   includes "absl/status/status.h".
//
// What impl/ defines is declared MESSI_INLINE where that matters: in front of the definitions, and
// of virtual functions. The first virtual function that is not inline by the end of its class is
// where the compiler puts the class's tables: here in messi.cc or nowhere.

#include "messi/version.h"

#ifdef MESSI_COMPILED
#define MESSI_INLINE
#else
#define MESSI_INLINE inline
#endif

#endif  // MESSI_FLAVOUR_H_
