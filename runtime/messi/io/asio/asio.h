#ifndef MESSI_IO_ASIO_ASIO_H_
#define MESSI_IO_ASIO_ASIO_H_

// Asio, which is the standalone one, or Boost's if MESSI_BOOST_ASIO is defined. What is made of it
// is in an inline namespace, so that the files of one program may differ in that.

#ifdef MESSI_BOOST_ASIO
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#define MESSI_ASIO_FLAVOUR on_boost_asio
#else
#include <asio/any_io_executor.hpp>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/buffer.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ip/v6_only.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#define MESSI_ASIO_FLAVOUR on_asio
#endif

#include <string>

#include "messi/base/status.h"
#include "messi/io/system_error.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

#ifdef MESSI_BOOST_ASIO
namespace net = ::boost::asio;
namespace errors = ::boost::system;
#else
namespace net = ::asio;
namespace errors = ::std;
#endif
using ErrorCode = errors::error_code;

/// A socket of any kind of stream.
using AsioSocket = net::basic_stream_socket<net::generic::stream_protocol>;

/// As an errno; 0 if it is nothing of the kind, as a name that cannot be found.
inline int errno_of(const ErrorCode& error) {
#ifndef _WIN32
  if (error.category() == net::error::get_system_category()) return error.value();
#endif
  const auto portable = error.default_error_condition();
  return portable.category() == errors::generic_category() ? portable.value() : 0;
}

/// "<what>: <the system's text>". As in status_of_errno, every error may pass.
inline Status status_of(const ErrorCode& error, const std::string& what) {
  const std::string text = what + ": " + error.message();
  if (const int number = errno_of(error); number != 0) {
    return {status_of_errno(number, "").code(), text, number};
  }
  const bool none = error == net::error::host_not_found || error == net::error::no_data;
  return {none ? StatusCode::kNotFound : StatusCode::kUnavailable, text};
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_ASIO_H_
