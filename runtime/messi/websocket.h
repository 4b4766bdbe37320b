#ifndef MESSI_WEBSOCKET_H_
#define MESSI_WEBSOCKET_H_

// WebSocket, which needs no further library; over TLS with "messi/tls.h".

#include "messi/io/websocket/network.h"
#include "messi/io/websocket/options.h"

#endif  // MESSI_WEBSOCKET_H_
