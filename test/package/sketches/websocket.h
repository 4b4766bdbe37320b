// What the sketches of doc/websocket.md leave out.

#include "messi/tls.h"
#include "messi/websocket.h"
