#ifndef MESSI_VIEWS_LIFETIME_H_
#define MESSI_VIEWS_LIFETIME_H_

/// After a parameter: what is made from it must not outlive it. clang warns of temporaries.
#ifdef __has_cpp_attribute
#if __has_cpp_attribute(clang::lifetimebound)
#define MESSI_LIFETIMEBOUND [[clang::lifetimebound]]
#endif
#endif
#ifndef MESSI_LIFETIMEBOUND
#define MESSI_LIFETIMEBOUND
#endif

#endif  // MESSI_VIEWS_LIFETIME_H_
