#ifndef MESSI_TEST_SUPPORT_OWN_NETWORK_H_
#define MESSI_TEST_SUPPORT_OWN_NETWORK_H_

#include <functional>
#include <optional>
#include <string>

namespace messi::test {

/// Calls `body` in a child process. Returns what it says went wrong, "" if nothing.
std::string in_child(const std::function<std::string()>& body);

/// The same in a child process that has a network and mounts of its own, with nothing but the
/// loopback device. Not a value, and ctest sees a skip, if the system does not let this user have
/// one.
std::optional<std::string> in_own_network(const std::function<std::string()>& body);

/// For `body`: has `path` read as `text` from now on.
void replace_file(const std::string& path, const std::string& text);

/// For `body`: writes to a file that is there, of /proc for one.
void write_file(const std::string& path, const std::string& text);

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_OWN_NETWORK_H_
