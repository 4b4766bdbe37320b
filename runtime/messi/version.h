#ifndef MESSI_VERSION_H_
#define MESSI_VERSION_H_

/// The release of this runtime.
#define MESSI_VERSION "0.1.0"

/// The number of the interface between generated code and runtime. Generated headers compare it
/// with the number they were generated for, so that a mismatch is one readable compile error.
/// doc/versions.md says when it grows.
#define MESSI_RUNTIME_API 4

#if __cplusplus < 201703L
#error "messi needs C++17: compile with -std=c++17, or set CMAKE_CXX_STANDARD to 17"
#include "see the error above"  // There is none: compilers stop here.
#endif

#endif  // MESSI_VERSION_H_
