#ifndef MESSI_TLS_H_
#define MESSI_TLS_H_

// TLS, for programs that link OpenSSL: the target messi::tls of CMake, or messi-tls of pkg-config.

#include "messi/io/tls/config.h"
#include "messi/io/tls/network.h"

#endif  // MESSI_TLS_H_
