#include "cpp_emitter.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../summary.h"
#include "../text.h"
#include "cpp_check.h"
#include "cpp_context.h"
#include "cpp_names.h"
#include "cpp_options.h"
#include "cpp_parts.h"
#include "fit.h"
#include "flat.h"
#include "messi/version.h"
#include "texts.h"

namespace messi::plugin::cpp {
namespace {

/// So that the first class begins near the top, for every schema.
constexpr std::size_t kMostLinesOfSummary = 18;

void emit_includes(const Context& context) {
  const Options& options = context.options;
  const std::string runtime = context.cpp_options.runtime_include_prefix + "messi/";
  if (options.client()) context.text.lines("#include \"" + runtime + "client.h\"");
  if (has_pairs(context.protocol)) {
    context.text.lines("#include \"" + runtime + "codec/call.h\"");
  }
  context.text.lines("#include \"" + runtime + "codec/protobuf.h\"");
  context.text.lines("#include \"" + runtime + "sender.h\"");
  if (options.server()) context.text.lines("#include \"" + runtime + "server_of.h\"");
}

void emit_classes(const Context& context, const std::string& messages) {
  const Options& options = context.options;
  const auto emit_if = [&](bool wanted, auto emit_part) {
    return [&context, wanted, emit_part] {
      if (wanted) emit_part(context);
    };
  };
  context.text.emit({{"client", emit_if(options.client(), emit_client_class)},
                     {"server", emit_if(options.server(), emit_server_classes)},
                     {"messages", messages},
                     {"codec", [&] { emit_codec(context); }},
                     {"client_senders", emit_if(options.client(), emit_client_senders)},
                     {"client_dispatch", emit_if(options.client(), emit_client_dispatch)},
                     {"server_senders", emit_if(options.server(), emit_server_senders)},
                     {"server_dispatch", emit_if(options.server(), emit_server_dispatch)},
                     {"client_relay", emit_if(options.client(), emit_client_relay)},
                     {"server_relay", emit_if(options.server(), emit_server_relay)}},
                    R"cc(
              $client$;

              $server$;

              $messages$;

              // ------------------------------------------------------------------------------------------------
              // Not for use by hand: the code that encodes messages, and passes those that arrive to hooks.

              $codec$;

              $client_senders$;

              $client_dispatch$;

              $server_senders$;

              $server_dispatch$;

              $client_relay$;

              $server_relay$;
            )cc");
}

/// Generated code itself uses what is deprecated in the proto.
bool uses_deprecated(const Protocol& protocol) {
  const auto is_deprecated = [](const Direction& direction) {
    return direction.message.deprecated ||
           std::any_of(direction.members.begin(), direction.members.end(), [](const Member& each) {
             const std::vector<Field>& fields = each.type.fields;
             return each.field.deprecated || each.type.deprecated ||
                    (is_flat(each.type) &&
                     std::any_of(fields.begin(), fields.end(),
                                 [](const Field& field) { return field.deprecated; }));
           });
  };
  return is_deprecated(protocol.client_to_server) || is_deprecated(protocol.server_to_client);
}

class CppEmitter : public Emitter {
 public:
  std::vector<Option> options() override { return options_for(cpp_options_); }

  void check(const Protocol& protocol, const Options& options,
             Diagnostics& diagnostics) const override {
    cpp::check(protocol, options, diagnostics);
  }

  std::vector<Output> emit(const Protocol& protocol, const Options& options) const override {
    const std::string path = header_path(protocol.file.path, cpp_options_);
    const std::string name_space = namespace_name(protocol.file.package, options.protobuf_release);
    const bool quiet = uses_deprecated(protocol);
    Text text;
    const TextTypes texts(protocol);
    const Kinds kinds(protocol, texts);
    const Context context{{protocol, options, text}, cpp_options_, texts, kinds};
    const BoundedSummary summary(protocol, "//", kMostLinesOfSummary);
    text.emit({{"summary", summary.first},
               {"GUARD", include_guard(path)},
               {"protobuf_header", protobuf_header(protocol.file.path)},
               {"includes", [&] { emit_includes(context); }},
               {"runtime", cpp_options_.runtime_include_prefix},
               {"API", std::to_string(MESSI_RUNTIME_API)},
               {"push", quiet ? "#pragma GCC diagnostic push\n"
                                "#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\""
                              : ""},
               {"pop", quiet ? "#pragma GCC diagnostic pop" : ""},
               {"open", name_space.empty() ? "" : "namespace " + name_space + " {"},
               {"close", name_space.empty() ? "" : "}  // namespace " + name_space},
               {"classes", [&] { emit_classes(context, summary.rest); }}},
              R"cc(
                $summary$;

                #ifndef $GUARD$
                #define $GUARD$

                // First, so that its names meet no macros of the headers below.
                #include "$protobuf_header$"

                // The runtime. It must have the API number that this was generated for.
                #include "$runtime$messi/version.h"
                #if MESSI_RUNTIME_API != $API$
                #error "made for messi runtime API $API$: run the protoc-gen-messi of this runtime's release"
                #include "see the error above"  // There is none: compilers stop here.
                #endif

                $includes$;

                $push$;

                $open$;

                $classes$;

                $close$;

                $pop$;

                #endif  // $GUARD$
              )cc");
    return {{path, fit(text.str())}};
  }

  std::vector<Output> emit_nothing(std::string_view proto_path,
                                   const Options& /*options*/) const override {
    const std::string path = header_path(proto_path, cpp_options_);
    Text text;
    text.emit({{"proto", std::string(proto_path)}, {"GUARD", include_guard(path)}},
              R"cc(
                // Generated by protoc-gen-messi from $proto$. Do not edit.
                //
                // No protocol: the proto defines neither ClientToServer nor ServerToClient.

                #ifndef $GUARD$
                #define $GUARD$
                #endif  // $GUARD$
              )cc");
    return {{path, text.str()}};
  }

 private:
  CppOptions cpp_options_;
};

}  // namespace

std::unique_ptr<Emitter> make_emitter() { return std::make_unique<CppEmitter>(); }

}  // namespace messi::plugin::cpp
