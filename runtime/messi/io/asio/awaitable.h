#ifndef MESSI_IO_ASIO_AWAITABLE_H_
#define MESSI_IO_ASIO_AWAITABLE_H_

#include "messi/io/asio/asio.h"

// Asio's coroutines, of the Asio that asio.h has chosen.

#ifdef MESSI_BOOST_ASIO
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/version.hpp>
#include <boost/system/system_error.hpp>
#define MESSI_ASIO_CANCELS (BOOST_ASIO_VERSION >= 101900)
#if MESSI_ASIO_CANCELS
#include <boost/asio/associated_cancellation_slot.hpp>
#endif
#ifndef BOOST_ASIO_HAS_CO_AWAIT
#error \
    "this Asio does not know the compiler's coroutines: define BOOST_ASIO_HAS_CO_AWAIT and BOOST_ASIO_HAS_STD_COROUTINE"
#endif
#else
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/system_error.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/version.hpp>
#define MESSI_ASIO_CANCELS (ASIO_VERSION >= 101900)
#if MESSI_ASIO_CANCELS
#include <asio/associated_cancellation_slot.hpp>
#endif
#ifndef ASIO_HAS_CO_AWAIT
#error \
    "this Asio does not know the compiler's coroutines: define ASIO_HAS_CO_AWAIT and ASIO_HAS_STD_COROUTINE"
#endif
#endif

#endif  // MESSI_IO_ASIO_AWAITABLE_H_
