#ifndef MESSI_TEST_TLS_SUPPORT_H_
#define MESSI_TEST_TLS_SUPPORT_H_

#include <string>

#include "messi/tls.h"
#include "test/support/authority.h"

namespace messi::test {

/// Both sides in one: a server with a certificate of `authority`, and clients that trust that.
inline tls::Config config_of(const Authority& authority, const Says& says = {}) {
  const Identity identity = authority.issue(says);
  tls::Config config;
  config.ca = authority.certificate();
  config.certificate = identity.certificate;
  config.key = identity.key;
  return config;
}

/// The same, and the server demands the client's certificate.
inline tls::Config mutual_config_of(const Authority& authority, const Says& says = {}) {
  tls::Config config = config_of(authority, says);
  config.client_ca = authority.certificate();
  return config;
}

}  // namespace messi::test

#endif  // MESSI_TEST_TLS_SUPPORT_H_
