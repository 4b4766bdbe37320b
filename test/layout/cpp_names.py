"""What the headers of the runtime offer to users of C++: read from the sources, for the tests of the pages."""

import re

# The headers for users besides those of runtime/messi itself.
ROOMS = """calls/call_counts.h connection/backoff.h connection/disconnect_reason.h io/asio_loop.h io/epoll_loop.h io/event_loop.h io/loop_thread.h
io/networks.h io/peer_certificate.h io/poller.h io/socket_options.h io/stream.h io/tls/config.h io/tls/network.h io/websocket/network.h
io/websocket/options.h session/kept_messages.h session/loss_reason.h session/schema_mismatch.h session/session_loss.h session/session_mode.h coro/client.h coro/job.h coro/request.h coro/server.h
coro/sleep.h coro/task.h views/lazy.h views/map.h views/message.h views/one_of.h views/owned.h views/repeated.h""".split()

# What is in these headers for messi's own use, for networks that users write, or to be used without its name.
NOT_FOR_USERS = {
    "Choice", "ClientRange", "Connected", "Destroy", "Final", "GroupExcept", "Init", "IoResult", "Iterator", "MovingStream", "OnResult",
    "PeerInfo", "Poller", "PostedCall", "Promise", "PromiseBase", "Sleep", "Stream", "StreamHandler", "UserState", "Awaiting", "AsioJob",
}
# What users know by another name, or never write; of types, only what they have counts.
UNNAMED = {"observe", "ShardedBase", "BasicCallCounts", "BasicCounts", "ClientOf", "CountsByCallEnd", "CountsByFrameType", "CountsByReason", "Incoming", "Iterator"}


def headers(source):
    runtime = source / "runtime/messi"
    return [*sorted(runtime.glob("*.h")), *(runtime / room for room in ROOMS)]


def offered(source):
    """The names of types, calls, fields, hooks and enumerators, each with the header that has it."""
    names = {}
    for header in headers(source):
        for name in names_in(text_of(header)):
            names.setdefault(name, header)
    return {name: header for name, header in names.items() if name not in UNNAMED}


def names_in(text):
    for namespace, part in re.findall(r"^namespace (\S+) {\n(.*?)^}  // namespace \1$", text, re.MULTILINE | re.DOTALL):
        if namespace not in ("messi", "messi::coro", "messi::tls", "messi::websocket"):
            continue
        part = re.sub(r"^(?:inline )?namespace (\S+) {\n.*?^}  // namespace \1$", "", part, flags=re.MULTILINE | re.DOTALL) \
            if "MESSI_ASIO_FLAVOUR" not in part else part
        yield from declared(part, "")
        yield from re.findall(r"^using (\w+) =", part, re.MULTILINE)
        yield from re.findall(r"^(?:constexpr|inline) (?!const)[^(\n]*?(?<!:)\b([a-z]\w*)\(", part, re.MULTILINE)


def declared(text, indent):
    """Types in it, and what is public of them."""
    pattern = rf"^{indent}(class|struct|enum class)(?: \[\[nodiscard\]\])? (\w+)\b[^;{{]*{{\n(.*?)^{indent}}}"
    for kind, name, body in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
        if name in NOT_FOR_USERS:
            continue
        yield name
        inner = indent + "  "
        if kind == "enum class":
            yield from re.findall(r"\b(k[A-Z]\w*)\b[^\n/]*,", body)
            continue
        yield from re.findall(r"\bvirtual .*?\b(on_\w+)\(", body)
        public = body if kind == "struct" else "".join(public_parts(body, indent))
        member = rf"^{inner}(?![ /}}]|using |friend |return |.*\boperator\b)"
        yield from re.findall(member + r"(?!std::function)[^(\n=]*?\b(?!await_|get_return)([a-z]\w*)\(", public, re.MULTILINE)
        yield from re.findall(member + r"[\w:<>, ]+[*&]? (\w+)(?:\{\}| =.*)?;", public, re.MULTILINE)
        yield from re.findall(member + r"std::function<.*> (\w+)(?:;| =)$", public, re.MULTILINE)
        yield from declared(public, inner)


def public_parts(body, indent):
    for part in re.split(rf"^{indent} public:\n", body, flags=re.MULTILINE)[1:]:
        yield re.split(rf"^{indent} (?:protected|private):\n", part, maxsplit=1, flags=re.MULTILINE)[0]


def text_of(path):
    return path.read_text(encoding="utf-8")

