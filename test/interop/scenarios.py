"""What every pair must be able to do. Each scenario starts its own endpoints."""

import contextlib
import itertools
import time

from endpoint import Failure, matches
from proxy import DOWN, UP, Proxy

SOON = 20.0  # seconds, for a process to start and for a client to connect again on a busy machine
UNKNOWN_TYPES = (0, 5, 8, 10, 127, 128, 255)


def member_ind(user="", text=""):
    """The hex of a MessageInd."""
    fields = ((0x0A, user.encode()), (0x12, text.encode()))
    return b"".join(bytes([tag]) + varint(len(value)) + value for tag, value in fields if value).hex()


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


@contextlib.contextmanager
def connected(pair, *, client_options=(), server_options=()):
    with pair.server(*server_options) as server, pair.client(server.port, *client_options) as client:
        meet(client, server)
        yield client, server


def meet(client, server, number=1):
    client.expect("connected", SOON)
    server.expect(f"connected {number}")


def talk(client, server, number=1):
    """A request and its answer, and a message to all that comes back."""
    client.do("send connect_req 0a044572696b")
    server.expect(f"message {number} connect_req 0a044572696b")
    client.expect("message connect_rsp")
    said = member_ind("Erik", "Hi!")
    client.do(f"send message_ind {said}")
    server.expect(f"message {number} message_ind {said}")
    client.expect(f"message message_ind {said}")


# Of messi's clients.

def calls(pair):
    """A client calls any server, which may know nothing of calls; and the answer to what is only sent is a message."""
    if not pair.client_of.has_sessions:
        return "that client has no calls"
    both = pair.server_of.has_sessions
    for mode in ((), ("--handshake",), ("--session", "prefer")):
        with connected(pair, client_options=mode, server_options=mode if both else ()) as (client, server):
            for number in (1, 2, 3):
                client.do("call connect_req 20 0a044572696b")
                server.expect("message 1 connect_req 0a044572696b")
                client.expect(f"answer {number} connect_rsp")
            talk(client, server)


# Of messi's servers.

def drain(pair):
    """Nothing that was sent before is lost. Clients of the original see the end of the stream at half of the deadline."""
    if pair.server_of.original:
        return "the original knows no drain"
    with connected(pair) as (client, server):
        for each in (client, server):
            each.do("stream 5000 100")
        for each in (client, server):
            each.skip_until("streamed 5000", SOON)
        server.do("drain 8")
        server.skip_until("disconnected 1 Draining.", SOON)
        client.skip_until("disconnected*", SOON)
        for each in (client, server):
            each.do("count")
            each.skip_until("counted 5000", SOON)


def authentication(pair):
    """Who is refused may come again; what was said before the answer waits for it."""
    if pair.server_of.original:
        return "the original asks nobody"
    with pair.server("--authenticate") as server, pair.client(server.port) as client:
        client.expect("connected", SOON)
        server.expect("asked 1", SOON)
        server.do("refuse 1 Who are you?")
        server.expect("refused Not authenticated.")
        client.expect("disconnected*" if pair.client_of.original else "disconnected Not authenticated.")
        client.expect("connected", SOON)
        server.expect("asked 2", SOON)
        client.do("send connect_req 0a044572696b")
        server.expect_none(0.5)
        server.do("accept 2")
        server.expect("connected 2")
        server.expect("message 2 connect_req 0a044572696b")
        client.expect("message connect_rsp")
        talk(client, server, 2)


# Sessions.

def session_modes(pair):
    """Where both have sessions, a session outlives its connection. Who requires one does not do without; all others talk as ever."""
    for client_mode, server_mode in itertools.product(modes_of(pair.client_of), modes_of(pair.server_of)):
        with pair.server(*server_mode) as server, Proxy(server.port) as proxy, \
                pair.client(proxy.port, *client_mode) as client:
            if client_mode and server_mode:
                meet(client, server)
                talk(client, server)
                outlive_a_connection(client, server, proxy)
                talk(client, server)
            elif "required" in client_mode:
                client.expect("failed*", SOON)
            elif "required" in server_mode:
                client.expect("connected", SOON)
                client.expect("disconnected*")
                if any(event.startswith("connected") for event in server.history):
                    raise Failure(f"a client without a session is served: {server.history}")
            else:
                meet(client, server)
                talk(client, server)
                proxy.hang_up()
                client.expect("disconnected Connection closed.")


def modes_of(implementation):
    modes = [(), ("--session", "prefer"), ("--session", "required")]
    return modes if implementation.has_sessions else modes[:1]


def outlive_a_connection(client, server, proxy):
    proxy.hang_up()
    client.expect("detached *")
    server.expect("detached 1 *")
    to_server, to_client = member_ind(text="from the client"), member_ind(text="from the server")
    client.do(f"send message_ind {to_server}")
    server.do(f"send 1 message_ind {to_client}")
    client.expect("resumed *", SOON)
    server.expect("resumed 1 *")
    server.expect(f"message 1 message_ind {to_server}")
    for text in (to_client, to_server):
        client.expect(f"message message_ind {text}")


# Whole dialogues.

def skip_until_all(server, *events):
    """In any order: an end is told when the peer has ended too, and some clients connect again before they do."""
    left = set(events)
    while left:
        event = server.next_event(10)
        if event is None:
            raise Failure(f"no {' and no '.join(sorted(left))}; last: {server.history[-3:]}")
        left = {each for each in left if not matches(event, each)}


def chat_dialogue(pair):
    with pair.server() as server, pair.client(server.port) as erik:
        meet(erik, server)
        with pair.client(server.port) as anna:
            meet(anna, server, 2)
            for client, number, user in ((erik, 1, "4572696b"), (anna, 2, "416e6e61")):
                client.do(f"send connect_req 0a04{user}")
                server.expect(f"message {number} connect_req 0a04{user}")
                client.expect("message connect_rsp")
            for client, number, user in ((erik, 1, "Erik"), (anna, 2, "Anna")):
                said = member_ind(user, "Hello!")
                client.do(f"send message_ind {said}")
                server.expect(f"message {number} message_ind {said}")
                for each in (erik, anna):
                    each.expect(f"message message_ind {said}")
            server.do(f"send 2 message_ind {member_ind(text='to Anna')}")
            anna.expect(f"message message_ind {member_ind(text='to Anna')}")
            server.do("broadcast connect_rsp")
            for each in (erik, anna):
                each.expect("message connect_rsp")
        server.expect("disconnected 2 Connection closed.")
        server.do("disconnect 1")
        erik.expect("disconnected Connection closed.")
        erik.expect("connected", SOON)
        skip_until_all(server, "disconnected 1*", "connected 3")
        talk(erik, server, 3)


def my_protocol_dialogue(pair):
    with pair.server(protocol="my_protocol") as server, pair.client(server.port, protocol="my_protocol") as client:
        for event in ("connected", "message foo_rsp", "message fie_req", "disconnected Connection closed."):
            client.expect(event, SOON)
        for event in ("connected 1", "message 1 foo_req", "message 1 bar_ind", "message 1 bar_ind", "message 1 fie_rsp"):
            server.expect(event)
        server.skip_until("disconnected 1 Disconnected.")


# Sizes. An original says with --max-payload how large the buffers are that it was given.

def text_sizes(pair):
    with connected(pair) as (client, server):
        for size in (0, 1, 120, 123, 124, 127, 128, 1000, 16383, 16384, 65536, 200000):
            said = member_ind(text="x" * size)
            client.do(f"send message_ind {said}")
            server.expect(f"message 1 message_ind {said}")
            client.expect(f"message message_ind {said}")


AT_EDGE = member_ind(text="x" * 120)  # a payload of 124 bytes
OVER_EDGE = member_ind(text="x" * 121)


def server_at_its_limit(pair):
    with connected(pair, server_options=("--max-payload", "124")) as (client, server):
        client.do(f"send message_ind {AT_EDGE}")
        server.expect(f"message 1 message_ind {AT_EDGE}")
        if not pair.server_of.original:  # which sends a byte less than it receives
            client.expect(f"message message_ind {AT_EDGE}")
        client.do(f"send message_ind {OVER_EDGE}")
        server.expect("disconnected 1 Message too big.")
        client.expect("disconnected Connection closed.")
        meet(client, server, 2)
        talk(client, server, 2)


def client_at_its_limit(pair):
    if not pair.client_of.has_limit:
        return "it has no limit"
    with connected(pair, client_options=("--max-payload", "124")) as (client, server):
        server.do(f"send 1 message_ind {AT_EDGE}")
        client.expect(f"message message_ind {AT_EDGE}")
        server.do(f"send 1 message_ind {OVER_EDGE}")
        client.expect("disconnected Message too big.")
        server.expect("disconnected 1 Connection closed.")
        if not pair.client_of.original:  # whose next connection is unusable (vectors, C42)
            meet(client, server, 2)
            talk(client, server, 2)


def client_sends_over_its_limit(pair):
    if not pair.client_of.has_limit:
        return "it has no limit"
    with connected(pair, client_options=("--max-payload", "124")) as (client, server):
        client.do(f"send message_ind {OVER_EDGE}")
        client.expect("disconnected Message encode error." if pair.client_of.original
                      else "disconnected Message too big.")
        server.expect("disconnected 1 Connection closed.")
        meet(client, server, 2)
        talk(client, server, 2)


# Keepalive. Silence of 4 s is the longest that anyone puts up with.

def idle_for_10_s(pair):
    with connected(pair) as (client, server):
        client.expect_none(10)
        server.expect_none(0)
        talk(client, server)


def stream_up_for_5_s(pair):
    with connected(pair) as (client, server):
        client.do(f"stream_for 5 100 {pace(pair.server_of)}")
        sent = int(client.expect("streamed *", SOON).split()[1])
        count_all(server, sent)
        server.expect_none(0)
        talk(client, server)


def stream_down_for_5_s(pair):
    with connected(pair) as (client, server):
        server.do(f"stream_for 5 100 {pace(pair.client_of)}")
        sent = int(server.expect("streamed *", SOON).split()[1])
        count_all(client, sent)
        client.expect_none(0)
        talk(client, server)


def pace(receiver):
    """Messages a second: to C++ as fast as it reads.

    The original in C reads until nothing is left, and meanwhile neither pings nor answers. In Python a ping waits
    behind all that the sockets hold, and a busy machine takes long for that.
    """
    return 1000000 if receiver.name == "cpp" else 3000


def count_all(receiver, sent):
    """The rest of a stream may still be under way."""
    end = time.monotonic() + SOON
    counted = -1
    while counted < sent and time.monotonic() < end:
        receiver.do("count")
        counted = int(receiver.expect("counted *").split()[1])
        time.sleep(0.05)
    if counted != sent:
        raise Failure(f"{counted} messages of {sent} came")


def ten_thousand_each_way(pair):
    with connected(pair) as (client, server):
        client.do("stream 10000 100")
        server.do("stream 10000 100")
        client.expect("streamed 10000", 2 * SOON)
        server.expect("streamed 10000", 2 * SOON)
        count_all(client, 10000)
        count_all(server, 10000)
        talk(client, server)


# Kills.

def server_killed_and_restarted(pair):
    with contextlib.ExitStack() as stack:
        client = None
        port = 0
        for _ in range(4):
            with pair.server(port=port) as server:
                port = server.port
                client = client or stack.enter_context(pair.client(port))
                number = server.skip_until("connected *", SOON).split()[1]
                # The original's Python client connects again while the killed server's port still accepts.
                client.skip_until_quiet("connected")
                talk(client, server, number)
            client.expect("disconnected Connection closed.")


def client_killed_and_restarted(pair):
    with pair.server() as server:
        for number in range(1, 6):
            with pair.client(server.port) as client:
                meet(client, server, number)
                talk(client, server, number)
            server.expect(f"disconnected {number} Connection closed.")


def server_killed_in_a_frame(pair):
    for size in (2, 4, 9):
        with pair.server() as server, pair.server() as successor, \
                Proxy(server.port) as proxy, pair.client(proxy.port) as client:
            meet(client, server)
            talk(client, server)
            proxy.cut_next_message(DOWN, size)
            server.do(f"send 1 message_ind {AT_EDGE}")
            proxy.has_cut.wait(SOON)
            proxy.server_port = successor.port
            server.kill()
            client.expect("disconnected Connection closed.")
            meet(client, successor)
            if pair.client_of.name == "original-c":
                return "its next connection is unusable (vectors, C80)"
            talk(client, successor)


def client_killed_in_a_frame(pair):
    for size in (2, 4, 9):
        with pair.server() as server, Proxy(server.port) as proxy, pair.client(proxy.port) as client:
            meet(client, server)
            talk(client, server)
            proxy.cut_next_message(UP, size)
            client.do(f"send message_ind {AT_EDGE}")
            proxy.has_cut.wait(SOON)
            client.kill()
            server.expect("disconnected 1 Connection closed.")
            with pair.client(proxy.port) as successor:
                meet(successor, server, 2)
                talk(successor, server, 2)


# Frames of types that are not known.

def unknown_types_to_client(pair):
    with pair.server() as server, Proxy(server.port) as proxy, pair.client(proxy.port) as client:
        meet(client, server)
        for kind in UNKNOWN_TYPES:
            proxy.inject(DOWN, bytes([kind, 0, 0, 3, 1, 2, 3]))
            talk(client, server)


def unknown_types_to_server(pair):
    with pair.server() as server, Proxy(server.port) as proxy, pair.client(proxy.port) as client:
        # Clients that were told stay away for longer each time.
        for number, kind in enumerate(UNKNOWN_TYPES[::3], 1):
            meet(client, server, number)
            talk(client, server, number)
            proxy.inject(UP, bytes([kind, 0, 0, 3, 1, 2, 3]))
            server.expect(f"disconnected {number} Protocol error.")
            client.expect("disconnected Connection closed.")


BUSY = [stream_up_for_5_s, stream_down_for_5_s, ten_thousand_each_way]
ALL = [
    chat_dialogue, calls, drain, authentication, session_modes, my_protocol_dialogue, text_sizes, server_at_its_limit, client_at_its_limit,
    client_sends_over_its_limit, idle_for_10_s, *BUSY, server_killed_and_restarted, client_killed_and_restarted,
    server_killed_in_a_frame, client_killed_in_a_frame, unknown_types_to_client, unknown_types_to_server,
]


def of(pair):
    """Some are spared what only the runtime has to do with, and it has elsewhere: programs for the original's Python clients, and those
    with the other kind of messages."""
    spared = pair.client_of.name == "python-unchanged" or "views" in (pair.client_of.name, pair.server_of.name)
    return [each for each in ALL if each not in BUSY] if spared else ALL
