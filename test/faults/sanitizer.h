#ifndef MESSI_TEST_FAULTS_SANITIZER_H_
#define MESSI_TEST_FAULTS_SANITIZER_H_

#if defined(__SANITIZE_ADDRESS__)
#define MESSI_TEST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MESSI_TEST_ASAN
#endif
#endif

#ifdef MESSI_TEST_ASAN
#include <sanitizer/lsan_interface.h>
#endif

namespace messi::test {

/// Whether memory has leaked so far; only AddressSanitizer knows.
inline bool leaks() {
#ifdef MESSI_TEST_ASAN
  return __lsan_do_recoverable_leak_check() != 0;
#else
  return false;
#endif
}

}  // namespace messi::test

#endif  // MESSI_TEST_FAULTS_SANITIZER_H_
