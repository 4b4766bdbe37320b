#ifndef MESSI_FLAVOUR_H_
#define MESSI_FLAVOUR_H_

// The runtime comes in two flavours, of the same code:
//
// - header-only, by default: include and use.
// - compiled: MESSI_COMPILED is defined for all sources of a program, and messi/messi.cc is one of
//   them, or in a library. Then clients, servers and loops are compiled once instead of in every
//   file that uses them, and their headers do not include Abseil's: a file that uses absl::Status
//   includes "absl/status/status.h".
//
// Functions of impl/ have MESSI_INLINE before their definitions. Virtual functions have it in the
// class already: the compiler puts the tables of a class where its first virtual function that is
// not inline is defined, and decides that at the end of the class. In the compiled flavour that is
// messi.cc.

#include "messi/version.h"

#ifdef MESSI_COMPILED
#define MESSI_INLINE
#else
#define MESSI_INLINE inline
#endif

#endif  // MESSI_FLAVOUR_H_
