#ifndef MESSI_IO_TLS_BIO_H_
#define MESSI_IO_TLS_BIO_H_

// OpenSSL's way to the bytes: it reads what was given to it, and what it writes is collected.

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "messi/io/tls/openssl.h"

namespace messi::tls {

/// What a BIO reads from and writes to. It takes no memory, since an exception cannot leave
/// OpenSSL: what does not fit into `out` is refused until there is room.
struct Bytes {
  std::string_view in;
  std::string out;
};

inline int read_bytes(BIO* bio, char* out, int size) {
  std::string_view& in = static_cast<Bytes*>(BIO_get_data(bio))->in;
  BIO_clear_retry_flags(bio);
  if (in.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(in.size(), static_cast<std::size_t>(size));
  std::copy_n(in.data(), taken, out);
  in.remove_prefix(taken);
  return static_cast<int>(taken);
}

inline int write_bytes(BIO* bio, const char* data, int size) {
  std::string& out = static_cast<Bytes*>(BIO_get_data(bio))->out;
  BIO_clear_retry_flags(bio);
  if (out.capacity() - out.size() < static_cast<std::size_t>(size)) {
    BIO_set_retry_write(bio);
    return -1;
  }
  out.append(data, static_cast<std::size_t>(size));
  return size;
}

inline long control_bytes(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

inline Owner<BIO_METHOD> make_bio_method() {
  Owner<BIO_METHOD> method(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "messi"));
  if (method == nullptr) return method;
  BIO_meth_set_read(method.get(), read_bytes);
  BIO_meth_set_write(method.get(), write_bytes);
  BIO_meth_set_ctrl(method.get(), control_bytes);
  return method;
}

/// `bytes` must outlive it.
inline Owner<BIO> make_bio(const BIO_METHOD* method, Bytes& bytes) {
  Owner<BIO> bio(BIO_new(method));
  if (bio == nullptr) return bio;
  BIO_set_data(bio.get(), &bytes);
  BIO_set_init(bio.get(), 1);
  return bio;
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_BIO_H_
