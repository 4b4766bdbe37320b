#include "python_members.h"

#include "../comments.h"
#include "../fingerprint.h"
#include "../names.h"
#include "fit.h"

namespace messi::plugin::python {
namespace {

constexpr std::size_t kIndentation = 8;
constexpr std::string_view kQuotes = "\"\"\"";

/// In a docstring a backslash has a meaning, and so have quotes that could become three.
std::string escaped(std::string_view line) {
  std::string text;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool is_risky_quote = line[i] == '"' && (i + 1 == line.size() || line[i + 1] == '"');
    if (line[i] == '\\' || is_risky_quote) text += '\\';
    text += line[i];
  }
  return text;
}

std::string docstring(Comment comment) {
  if (comment.empty()) return {};
  for (std::string& line : comment) line = escaped(line);
  comment.front().insert(0, kQuotes);
  // A line has room for the quotes, and for the blank that would follow a marker.
  const std::string lines =
      format_comment(comment, "", kColumns - kIndentation - kQuotes.size() + 1);

  std::string text;
  bool line_begins = true;
  for (const char c : lines) {
    if (!(line_begins && c == ' ')) text += c;
    line_begins = c == '\n';
  }
  const bool is_one_line = text.find('\n') == text.size() - 1;
  if (is_one_line) text.pop_back();
  return text.append(kQuotes);
}

std::vector<Text::Hole> holes(const Context& context, const Member& member) {
  Comment comment = member.field.comment;
  if (member.field.deprecated) comment = join_comments(std::move(comment), {"Deprecated."});
  const std::string doc = docstring(std::move(comment));
  return {{"name", member.field.name},
          {"Type", context.modules.type(member.type)},
          {"Client", context.server_client_class()},
          {"doc", doc},
          {"body", doc.empty() ? "pass" : doc}};
}

}  // namespace

void emit_members(const Context& context, const Direction& direction, std::string_view each) {
  bool first = true;
  for (const Member& member : direction.members) {
    if (!first) context.text.lines("\n");
    first = false;
    context.text.emit(holes(context, member), each);
  }
}

void emit_senders(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def send_$name$(self, message: $Type$) -> None:
        $doc$;
        self._messi_send("$name$", message)
  )py");
}

void emit_tries(const Context& context, const Direction& outgoing) {
  emit_members(context, outgoing, R"py(
    def try_send_$name$(self, message: $Type$) -> SendResult:
        return self._messi_try_send("$name$", message)
  )py");
  const std::string types = unique_types(context, outgoing);
  if (types.empty()) return;
  context.text.lines("\n");
  context.text.emit({{"Types", types}}, R"py(
    def try_send(self, message: $Types$) -> SendResult:
        return self._messi_try_send_unique(message)
  )py");
}

namespace {

std::vector<Text::Hole> pair_holes(const Context& context, const Member& request) {
  std::vector<Text::Hole> all = holes(context, request);
  all.push_back({"reply", request.reply->field.name});
  all.push_back({"Reply", context.modules.type(request.reply->type)});
  return all;
}

void emit_pairs(const Context& context, const Direction& requests, std::string_view each) {
  bool first = true;
  for (const Member& request : requests.members) {
    if (!request.is_request()) continue;
    if (!first) context.text.lines("\n");
    first = false;
    context.text.emit(pair_holes(context, request), each);
  }
}

}  // namespace

void emit_calls(const Context& context, const Direction& requests) {
  if (!has_requests(requests)) return;
  const auto emit_all = [&] {
    emit_pairs(context, requests, R"py(
      async def call_$name$(self, request: $Type$, timeout: float) -> $Reply$:
          $doc$;
          return await self._messi_call("$name$", request, "$reply$", $Reply$, timeout)
    )py");
  };
  context.text.emit({{"calls", emit_all}}, R"py(
    # Calls: a request goes to the other side, and its answer comes back. They raise `CallError`.

    $calls$;
  )py");
}

void emit_later_answers(const Context& context, const Direction& requests) {
  if (!has_requests(requests)) return;
  const auto emit_all = [&] {
    emit_pairs(context, requests, R"py(
      def answer_later_$name$(self) -> Responder[$Reply$]:
          return self._messi_answer_later("$name$")
    )py");
  };
  context.text.emit({{"later", emit_all}}, R"py(
    # Later answers: to the request whose hook is running, when it has returned.

    $later$;
  )py");
}

void emit_requests(const Context& context, const Direction& requests) {
  if (!has_pairs(context.protocol)) return;
  if (!has_requests(requests)) {
    context.text.lines("_messi_requests = {}");
    return;
  }
  const auto emit_entries = [&] {
    for (const Member& request : requests.members) {
      if (!request.is_request()) continue;
      context.text.lines('"' + request.field.name + "\": \"" + request.reply->field.name + "\",");
    }
  };
  context.text.emit({{"entries", emit_entries}}, R"py(
    _messi_requests = {
        $entries$
    }
  )py");
}

void emit_schema(const Context& context) {
  const auto emit_lines = [&] {
    for (const std::string& line : schema_lines(context.protocol))
      context.text.lines(literal(line));
  };
  context.text.emit({{"lines", emit_lines}}, R"py(
    _messi_schema = Schema(
        $lines$
    )
  )py");
}

void emit_names(const Context& context, const Direction& direction, const std::string& dictionary) {
  const auto emit_entries = [&] {
    for (const Member& member : direction.members) {
      context.text.lines(std::to_string(member.field.number) + ": \"" + member.field.name + "\",");
    }
  };
  context.text.emit({{"NAMES", dictionary}, {"entries", emit_entries}}, R"py(
    $NAMES$ = {
        $entries$
    }
  )py");
}

std::string unique_types(const Context& context, const Direction& direction) {
  std::string types;
  for (const Member& member : direction.members) {
    if (!member.type_is_unique) continue;
    if (!types.empty()) types += " | ";
    types += context.modules.type(member.type);
  }
  return types;
}

}  // namespace messi::plugin::python
