#include "cpp_emitter.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../comments.h"
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
#include "views_names.h"
#include "views_parts.h"
#include "views_types.h"

namespace messi::plugin::cpp {
namespace {

/// So that the first class begins near the top, for every schema.
constexpr std::size_t kMostLinesOfSummary = 18;

void emit_includes(const Context& context) {
  const Options& options = context.options;
  const std::string runtime = context.cpp_options.runtime_include_prefix + "messi/";
  if (context.cpp_options.device) {
    const bool sessions = context.cpp_options.device_sessions;
    for (const char* header : {sessions ? "device/session_client.h" : "device/client.h",
                               "views/incoming.h", "views/message.h"}) {
      context.text.lines("#include \"" + runtime + header + '"');
    }
    return;
  }
  if (options.client()) context.text.lines("#include \"" + runtime + "client.h\"");
  const bool views = context.cpp_options.views;
  if (has_pairs(context.protocol) && !views) {
    context.text.lines("#include \"" + runtime + "codec/call.h\"");
  }
  if (!views) context.text.lines("#include \"" + runtime + "codec/protobuf.h\"");
  context.text.lines("#include \"" + runtime + "sender.h\"");
  if (options.server()) context.text.lines("#include \"" + runtime + "server_of.h\"");
  if (!views) return;
  if (has_pairs(context.protocol)) {
    context.text.lines("#include \"" + runtime + "views/call.h\"");
  }
  context.text.lines("#include \"" + runtime + "views/incoming.h\"");
  context.text.lines("#include \"" + runtime + "views/message.h\"");
  context.text.lines("#include \"" + runtime + "views/send.h\"");
}

void emit_device(const Context& context, const std::string& messages) {
  const File& file = context.protocol.file;
  context.text.emit({{"structs", [&] { emit_structs(file, context.text); }},
                     {"device", [&] { emit_device_class(context); }},
                     {"messages", messages},
                     {"views_codec", [&] { emit_views_codec(file, context.text); }},
                     {"functions", [&] { emit_device_functions(context); }}},
                    R"cc(
              $structs$;

              $device$;

              $messages$;

              // ------------------------------------------------------------------------------------------------
              // Not for use by hand: the code that encodes messages, and passes those that arrive to hooks.

              $views_codec$;

              $functions$;
            )cc");
}

void emit_classes(const Context& context, const std::string& messages) {
  if (context.cpp_options.device) return emit_device(context, messages);
  const Options& options = context.options;
  const auto emit_if = [&](bool wanted, auto emit_part) {
    return [&context, wanted, emit_part] {
      if (wanted) emit_part(context);
    };
  };
  const bool views = context.cpp_options.views;
  const File& file = context.protocol.file;
  const auto emit_file_if = [&](bool wanted, auto emit_part) {
    return [&, wanted, emit_part] {
      if (wanted) emit_part(file, context.text);
    };
  };
  context.text.emit({{"structs", emit_file_if(views, emit_structs)},
                     {"client", emit_if(options.client(), emit_client_class)},
                     {"server", emit_if(options.server(), emit_server_classes)},
                     {"messages", messages},
                     {"codec", [&] { emit_codec(context); }},
                     {"views_codec", emit_file_if(views, emit_views_codec)},
                     {"client_senders", emit_if(options.client(), emit_client_senders)},
                     {"client_dispatch", emit_if(options.client(), emit_client_dispatch)},
                     {"server_senders", emit_if(options.server(), emit_server_senders)},
                     {"server_dispatch", emit_if(options.server(), emit_server_dispatch)},
                     {"client_relay", emit_if(options.client(), emit_client_relay)},
                     {"server_relay", emit_if(options.server(), emit_server_relay)}},
                    R"cc(
              $structs$;

              $client$;

              $server$;

              $messages$;

              // ------------------------------------------------------------------------------------------------
              // Not for use by hand: the code that encodes messages, and passes those that arrive to hooks.

              $views_codec$;

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
    cpp::check(protocol, options, cpp_options_, diagnostics);
  }

  void check_file(const File& file, const Options& /*options*/,
                  Diagnostics& diagnostics) const override {
    if (cpp_options_.views) check_views(file, diagnostics);
  }

  std::vector<Output> emit(const Protocol& protocol, const Options& options) const override {
    const std::string path = header_path(protocol.file.path, cpp_options_);
    const bool views = cpp_options_.views;
    const std::string name_space =
        views ? views_namespace(protocol.file.package)
              : namespace_name(protocol.file.package, options.protobuf_release);
    const bool quiet = !views && uses_deprecated(protocol);
    Text text;
    const TextTypes texts(protocol);
    const Kinds kinds(protocol, texts);
    const Context context{{protocol, options, text}, cpp_options_, texts, kinds};
    const BoundedSummary summary(protocol, "//", kMostLinesOfSummary);
    text.emit({{"summary", summary.first},
               {"GUARD", include_guard(path)},
               {"first_headers", first_headers(protocol.file)},
               {"includes", [&] { emit_includes(context); }},
               {"runtime_api", [&] { emit_runtime_api(text); }},
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

                $first_headers$;

                $runtime_api$;

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

  std::vector<Output> emit_nothing(const File& file, const Options& /*options*/) const override {
    const std::string path = header_path(file.path, cpp_options_);
    if (cpp_options_.views) return {{path, emit_messages(file, path)}};
    Text text;
    text.emit({{"proto", file.path}, {"GUARD", include_guard(path)}},
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
  void emit_runtime_api(Text& text) const {
    text.emit({{"runtime", cpp_options_.runtime_include_prefix},
               {"API", std::to_string(MESSI_RUNTIME_API)}},
              R"cc(
                // The runtime. It must have the API number that this was generated for.
                #include "$runtime$messi/version.h"
                #if MESSI_RUNTIME_API != $API$
                #error "made for messi runtime API $API$: run the protoc-gen-messi of this runtime's release"
                #include "see the error above"  // There is none: compilers stop here.
                #endif
              )cc");
  }

  /// Those of the messages.
  std::string first_headers(const File& file) const {
    if (!cpp_options_.views) {
      return "// First, so that its names meet no macros of the headers below.\n#include \"" +
             protobuf_header(file.path) + '"';
    }
    std::vector<std::string> lines;
    for (const File* each : used_files(file)) {
      lines.push_back("#include \"" + views_header(*each, cpp_options_) + '"');
    }
    std::sort(lines.begin(), lines.end());
    std::string headers;
    for (const std::string& line : lines) headers += line + '\n';
    return headers;
  }

  static std::string comment_of(const File& file) {
    const std::string comment = format_comment(file.comment, "//", kColumns);
    return comment.empty() ? "" : "//\n" + comment;
  }

  /// A header with messages and nothing else.
  std::string emit_messages(const File& file, const std::string& path) const {
    const std::string name_space = views_namespace(file.package);
    Text text;
    text.emit({{"proto", file.path},
               {"comment", comment_of(file)},
               {"blank", "\n"},
               {"GUARD", include_guard(path)},
               {"first_headers", first_headers(file)},
               {"runtime_api", [&] { emit_runtime_api(text); }},
               {"runtime", cpp_options_.runtime_include_prefix},
               {"open", name_space.empty() ? "" : "namespace " + name_space + " {"},
               {"close", name_space.empty() ? "" : "}  // namespace " + name_space},
               {"structs", [&] { emit_structs(file, text); }},
               {"codec", [&] { emit_views_codec(file, text); }}},
              R"cc(
                // Generated by protoc-gen-messi from $proto$. Do not edit.
                $comment$;
                $blank$;
                #ifndef $GUARD$
                #define $GUARD$

                $first_headers$;

                $runtime_api$;

                #include "$runtime$messi/views/message.h"

                $open$;

                $structs$;

                // ------------------------------------------------------------------------------------------------
                // Not for use by hand: the code that decodes and encodes messages.

                $codec$;

                $close$;

                #endif  // $GUARD$
              )cc");
    return fit(text.str());
  }

  CppOptions cpp_options_;
};

}  // namespace

std::unique_ptr<Emitter> make_emitter() { return std::make_unique<CppEmitter>(); }

}  // namespace messi::plugin::cpp
