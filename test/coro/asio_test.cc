#define ON_ASIO "Asio: "
#include "test/coro/asio_tests.h"
