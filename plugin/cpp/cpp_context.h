#ifndef MESSI_PLUGIN_CPP_CPP_CONTEXT_H_
#define MESSI_PLUGIN_CPP_CPP_CONTEXT_H_

#include <string>
#include <string_view>

#include "../context.h"
#include "cpp_names.h"
#include "cpp_options.h"
#include "kinds.h"
#include "texts.h"
#include "views_names.h"

namespace messi::plugin::cpp {

/// A header while it is generated.
struct Context : plugin::Context {
  // Our names.
  std::string codec_class() const { return cpp::codec_class(protocol, options); }

  /// The class of a message, protobuf's or ours.
  std::string qualified_class(const Message& type) const {
    return cpp_options.views ? qualified_views_class(type)
                             : cpp::qualified_class(type, options.protobuf_release);
  }
  /// The room of the runtime that encodes and decodes.
  std::string codec() const { return cpp_options.views ? "views" : "codec"; }

  // Protobuf's names.
  std::string accessor(std::string_view field_name) const {
    return cpp::accessor(field_name, options.protobuf_release);
  }

  const CppOptions& cpp_options;
  const TextTypes& texts;
  const Kinds& kinds;
};

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_CONTEXT_H_
