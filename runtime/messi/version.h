#ifndef MESSI_VERSION_H_
#define MESSI_VERSION_H_

/// The release of this runtime.
#define MESSI_VERSION "0.1.0"

/// The generation of the contract between generated code and runtime. Generated headers compare it
/// with the generation they were written for, so that a mismatch is one readable compile error.
#define MESSI_RUNTIME_API 2

#endif  // MESSI_VERSION_H_
