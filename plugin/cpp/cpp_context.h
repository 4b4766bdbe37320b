#ifndef MESSI_PLUGIN_CPP_CPP_CONTEXT_H_
#define MESSI_PLUGIN_CPP_CPP_CONTEXT_H_

#include <string>
#include <string_view>

#include "../options.h"
#include "../protocol.h"
#include "../text.h"
#include "cpp_names.h"
#include "cpp_options.h"
#include "texts.h"

namespace messi::plugin::cpp {

/// A header in the making: what it is made of, how it calls that, and the text so far.
struct Context {
  const Protocol& protocol;
  const Options& options;
  const CppOptions& cpp_options;
  const TextTypes& texts;
  Text& text;

  // Ours.
  std::string client_class() const { return cpp::client_class(protocol, options); }
  std::string server_class() const { return cpp::server_class(protocol, options); }
  std::string codec_class() const { return cpp::codec_class(protocol, options); }

  // Protobuf's.
  std::string qualified_class(const Message& type) const {
    return cpp::qualified_class(type, options.protobuf_release);
  }
  std::string accessor(std::string_view field_name) const {
    return cpp::accessor(field_name, options.protobuf_release);
  }
};

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_CONTEXT_H_
