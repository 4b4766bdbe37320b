#ifndef MESSI_IO_LINUX_SOCKET_ADDRESS_H_
#define MESSI_IO_LINUX_SOCKET_ADDRESS_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "messi/io/linux/system.h"

namespace messi::io {

/// Any socket address.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t size) : size_(size) {
    std::memcpy(&storage_, address, size);
  }

  static SocketAddress unix_path(std::string_view path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return {reinterpret_cast<const sockaddr*>(&address), sizeof(address)};
  }

  /// A name without a file.
  static SocketAddress unix_abstract(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const std::size_t size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
    return {reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)};
  }

  /// The address that `host` spells, if it is not a name to look up: "127.0.0.1", "::1",
  /// "fe80::1%eth0".
  static inline std::optional<SocketAddress> parse(const std::string& host, std::uint16_t port);

  void set_port(std::uint16_t port) {
    if (family() == AF_INET) reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = htons(port);
    if (family() == AF_INET6) reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = htons(port);
  }

  /// The address to connect to.
  inline std::string to_uri() const;

  int family() const { return storage_.ss_family; }
  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

  /// For accept() and getsockname(), which fill in both.
  sockaddr* writable() {
    size_ = sizeof(storage_);
    return reinterpret_cast<sockaddr*>(&storage_);
  }
  socklen_t* writable_size() { return &size_; }

  friend bool operator==(const SocketAddress& a, const SocketAddress& b) {
    return a.size_ == b.size_ && std::memcmp(&a.storage_, &b.storage_, a.size_) == 0;
  }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

inline std::optional<SocketAddress> SocketAddress::parse(const std::string& host,
                                                         std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (::inet_aton(host.c_str(), &v4.sin_addr) != 0) {
    return SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const std::size_t percent = host.find('%');
  if (::inet_pton(AF_INET6, host.substr(0, percent).c_str(), &v6.sin6_addr) != 1) return {};
  if (percent != std::string::npos) {
    const std::string scope = host.substr(percent + 1);
    const bool number = scope.find_first_not_of("0123456789") == std::string::npos;
    v6.sin6_scope_id = number ? static_cast<std::uint32_t>(std::strtoul(scope.c_str(), nullptr, 10))
                              : system::messi_if_nametoindex(scope.c_str());
  }
  return SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

/// The address of a peer, in as little memory as possible.
class PeerAddress {
 public:
  explicit PeerAddress(const SocketAddress& address)
      : family_(static_cast<std::uint8_t>(address.family())) {
    if (family_ == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(address.data());
      std::memcpy(port_, &in->sin_port, sizeof(port_));
      std::memcpy(bytes_, &in->sin_addr, sizeof(in->sin_addr));
    } else if (family_ == AF_INET6) {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address.data());
      std::memcpy(port_, &in6->sin6_port, sizeof(port_));
      std::memcpy(bytes_, &in6->sin6_addr, sizeof(in6->sin6_addr));
    }
  }

  std::uint16_t port() const { return static_cast<std::uint16_t>(port_[0] << 8 | port_[1]); }
  bool is_tcp() const { return family_ == AF_INET || family_ == AF_INET6; }

  /// "127.0.0.1", "[::1]" or "unix".
  std::string host() const {
    if (!is_tcp()) return "unix";
    return is_v6() ? "[" + text(AF_INET6, bytes_) + "]" : text(AF_INET, v4());
  }

  /// See PeerInfo: "127.0.0.1", "2001:db8:0:1::/64" or "".
  std::string origin() const {
    if (!is_v6()) return is_tcp() ? host() : "";
    std::uint8_t network[sizeof(bytes_)] = {};
    std::memcpy(network, bytes_, sizeof(network) / 2);
    return text(AF_INET6, network) + "/64";
  }

  /// "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string to_string() const {
    return is_tcp() ? host() + ":" + std::to_string(port()) : host();
  }

 private:
  // An IPv4 peer of a socket for both families is shown as IPv4.
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

  bool is_v6() const {
    return family_ == AF_INET6 && std::memcmp(bytes_, kMapped, sizeof(kMapped)) != 0;
  }
  const std::uint8_t* v4() const { return family_ == AF_INET6 ? bytes_ + sizeof(kMapped) : bytes_; }
  static std::string text(int family, const std::uint8_t* bytes) {
    char result[INET6_ADDRSTRLEN] = "";
    inet_ntop(family, bytes, result, sizeof(result));
    return result;
  }

  std::uint8_t bytes_[16] = {};
  std::uint8_t port_[2] = {};  // big endian; as bytes, so that there is no padding
  std::uint8_t family_;
};

inline std::string SocketAddress::to_uri() const {
  if (family() != AF_UNIX) return "tcp://" + PeerAddress(*this).to_string();
  const auto* const address = reinterpret_cast<const sockaddr_un*>(data());
  const std::string path(address->sun_path, size_ - offsetof(sockaddr_un, sun_path));
  if (path.front() == '\0') return "unix-abstract:" + path.substr(1);
  return "unix://" + path.substr(0, path.find('\0'));
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_ADDRESS_H_
