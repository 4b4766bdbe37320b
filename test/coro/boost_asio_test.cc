#define MESSI_BOOST_ASIO
#define ON_ASIO "Boost's Asio: "
#include "test/coro/asio_tests.h"
