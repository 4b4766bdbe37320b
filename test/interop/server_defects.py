"""What breaks in the original's server."""

import contextlib
import resource
import socket
import time

from looking import (
    OVER_24_BITS, PING, answer_time, answers, descriptors, first_size, flooding, held, memory_error, memory_in_mib,
    processor_time, read_for, size_seen)
from scenarios import SOON

CONNECT_REQ = bytes.fromhex("010000020a00")

# Each takes a Subject and returns (what was seen, whether that is as it should be).

def client_that_leaves_kills_server(subject):
    """a client that leaves before its answer kills the server (SIGPIPE)"""
    options = ("--sigpipe",) if subject.name.startswith("original") else ()
    with subject.server(*options) as server:
        for _ in range(20):
            with contextlib.suppress(ConnectionError), \
                    socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(CONNECT_REQ * 50)
        time.sleep(0.5)
        alive = server.alive()
    return ("goes on" if alive else "is dead"), alive


def slow_reader_fills_memory(subject):
    """a client that does not read fills the server's memory"""
    with subject.server() as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        server.expect("connected 1")
        connection.sendall(PING)
        server.do("flood 2000 65536")
        server.skip_until("flooded 2000", 20)
        time.sleep(0.2)
        used = memory_in_mib(server.pid)
        # All of it is sent in one go.
        dropped = "disconnected 1 Too much sent at once." in server.history
    return (f"uses {used} MiB after 125 MiB for it" + (", client dropped" if dropped else "")), used < 64 and dropped


def flooder_starves_others(subject):
    """a client that sends without pause keeps the server from the others"""
    with subject.server() as server, flooding(server.port), \
            socket.create_connection(("127.0.0.1", server.port)) as other:
        slowest = 0.0
        end = time.monotonic() + 4
        while time.monotonic() < end:
            slowest = max(slowest, answer_time(other))
            time.sleep(0.1)
    return f"the slowest answer to another takes {slowest:.2f} s", slowest < 1.5


def no_descriptors_left(subject):
    """out of descriptors the server uses all of a processor"""
    with subject.server("--max-clients", "100") as server, contextlib.ExitStack() as stack:
        limit = descriptors(server.pid) + 10
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
        for _ in range(40):
            connection = stack.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", server.port))
        time.sleep(0.5)
        before = processor_time(server.pid)
        time.sleep(1.5)
        share = (processor_time(server.pid) - before) / 1.5
    return f"uses {share * 100:.0f} % of a processor", share < 0.03


def descriptors_per_client(subject):
    """each client costs the server two descriptors"""
    with subject.server("--max-clients", "100") as server, contextlib.ExitStack() as stack:
        before = descriptors(server.pid)
        for number in range(1, 11):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            server.expect(f"connected {number}")
        each = (descriptors(server.pid) - before) / 10
    return f"{each:.0f} each", each == 1


def many_at_once(subject):
    """many clients at once wait for seconds (a backlog of 5)"""
    count = 400
    with subject.server("--max-clients", "500") as server, contextlib.ExitStack() as stack:
        begin = time.monotonic()
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", server.port))
        for each in sockets:
            each.settimeout(20)
            with contextlib.suppress(OSError):
                each.sendall(PING)
                each.recv(4)
        took = time.monotonic() - begin
    return f"{count} are answered after {took:.1f} s", took < 0.9


def failed_flush_frees_twice(subject):
    """a client that goes while much is queued for it makes the server use freed memory"""
    with subject.checked_server() as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        server.expect("connected 1")
        # More than the system holds, and less than makes a slow reader.
        server.do("flood 80 65536")
        server.expect("flooded 80", SOON)
        with held(server):
            # What the system holds has come and the client is gone. The first write finds that out, and the next fails.
            read_for(connection, 0.3)
            connection.close()
        error = memory_error(server, "disconnected 1*")
        served = error is None and answers(server.port)
    return error or ("serves others" if served else "does not serve others"), served


def size_over_24_bits(subject):
    """a size over 24 bits is truncated, by a server"""
    with subject.server(*subject.largest_payload) as server, \
            socket.create_connection(("127.0.0.1", server.port)) as connection:
        server.expect("connected 1")
        server.do(f"stream 1 {OVER_24_BITS}")
        # It is broadcast, which is the sender's mistake: nobody is disconnected for it.
        return size_seen(first_size(connection, 2), server, "streamed 1")


ALL = [
    client_that_leaves_kills_server, failed_flush_frees_twice, slow_reader_fills_memory, flooder_starves_others,
    no_descriptors_left, descriptors_per_client, many_at_once, size_over_24_bits,
]
