#include "messi/tls.h"

#include <iostream>

#include "server.h"

bool has_tls(messi::EventLoop& loop) {
  const messi::tls::Network tls(loop, {});
  if (!tls.status().ok()) std::cerr << tls.status().message() << '\n';
  return tls.status().ok();
}
