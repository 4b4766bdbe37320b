"""What breaks in the original's clients."""

import contextlib
import socket
import statistics
import time

from looking import OVER_24_BITS, PONG, accepts, first_size, listener, memory_error, read_for, size_seen
from scenarios import SOON, member_ind

CONNECT_RSP = bytes.fromhex("020000020a00")

# Each takes a Subject and returns (what was seen, whether that is as it should be).

def port_above_65535_wraps(subject):
    """a port above 65535 wraps around"""
    with listener() as (accepting, port), subject.client(f"tcp://127.0.0.1:{port + 65536}"):
        wrapped = accepts(accepting, 1.0)
    return ("connects to another port" if wrapped else "does not connect"), not wrapped


def impossible_host_is_the_local_host(subject):
    """a host that does not exist is the local host"""
    with listener("0.0.0.0") as (accepting, port), subject.client(f"tcp://a..b:{port}"):
        connected = accepts(accepting, 1.0)
    return ("connects to the local host" if connected else "does not connect"), not connected


def no_ipv6(subject):
    """an IPv6 address cannot be connected to"""
    with listener("::1") as (accepting, port), subject.client(f"tcp://[::1]:{port}"):
        connected = accepts(accepting, 3.0)
    return ("connects" if connected else "does not connect"), connected


def connecting_blocks(subject):
    """connecting blocks the loop while the server does not answer"""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        with socket.create_connection(address), subject.client("tcp://127.0.0.1:%d" % address[1]) as client:
            # The one place in the queue is taken, so that the client's attempt stays unanswered.
            time.sleep(0.3)
            client.do("count")
            responsive = client.next_event(5) is not None
    return ("goes on working" if responsive else "does nothing else for seconds"), responsive


def short_write_ends_connection(subject):
    """sending more than the system takes at once ends the connection"""
    messages = 10
    said = member_ind(text="x" * 1000000)
    with listener() as (accepting, port), subject.client(f"tcp://127.0.0.1:{port}") as client:
        connection, _ = accepting.accept()
        client.expect("connected")
        for _ in range(messages):
            client.do(f"send message_ind {said}")
            with contextlib.suppress(OSError):
                connection.sendall(PONG)  # telling it takes long where the machine is busy
        came = read_for(connection, SOON, PONG, enough=messages * len(said) // 2).count(b"\x01\x0f\x42\x48\x12")
        connection.close()
    return f"{came} of {messages} messages of 1 MB come", came == messages


def small_messages_wait(subject):
    """small messages wait for the acknowledgement of earlier ones (no TCP_NODELAY)"""
    took = []
    with subject.server() as server, subject.client(f"tcp://127.0.0.1:{server.port}") as client:
        client.expect("connected")
        for _ in range(25):
            begin = time.monotonic()
            # The server does not answer texts that begin with a '#'.
            client.do("send message_ind 12022330\nsend message_ind 12022330\nsend connect_req")
            client.skip_until("message connect_rsp")
            took.append(time.monotonic() - begin)
    median = statistics.median(took)
    return f"two messages and a request take {median * 1000:.0f} ms", median < 0.02


def stop_in_hook_is_forgotten(subject):
    """stop() in the disconnected hook is forgotten"""
    with listener() as (accepting, port), subject.client(f"tcp://127.0.0.1:{port}") as client:
        client.do("stop_when_disconnected\ncount")
        client.skip_until("count*")  # so it has read the line before
        accepting.accept()[0].close()
        client.skip_until("disconnected*")
        again = accepts(accepting, 2.5)
    return ("connects again" if again else "stays stopped"), not again


def header_of_16_mib(subject):
    """a header of 16 MiB makes the next connection write past the buffer"""
    with listener() as (accepting, port), subject.checked_client(f"tcp://127.0.0.1:{port}") as client:
        first, _ = accepting.accept()
        first.sendall(b"\x02\xff\xff\xff")
        client.skip_until("disconnected Message too big.")
        second, _ = accepting.accept()
        client.skip_until("connected", SOON)
        with contextlib.suppress(OSError):
            second.sendall(bytes(2 * 1024 * 1024) + CONNECT_RSP)
        error = memory_error(client, "message connect_rsp")
    return error or "goes on", error is None


def full_server_is_stormed(subject):
    """a full server is met every second, for ever"""
    with listener() as (accepting, port), subject.client(f"tcp://127.0.0.1:{port}"):
        accepting.settimeout(0.1)
        moments = []
        end = time.monotonic() + 12
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                accepting.accept()[0].close()
                moments.append(time.monotonic())
    pauses = [later - earlier for earlier, later in zip(moments, moments[1:])]
    slower = len(pauses) >= 2 and pauses[-1] > 1.5 * pauses[0]
    return f"connects after {', '.join(f'{pause:.1f}' for pause in pauses)} s", slower


def fast_server_starves_own_pings(subject):
    """a server that sends without pause keeps the client from pinging"""
    with subject.our_server() as server, subject.client(f"tcp://127.0.0.1:{server.port}") as client:
        server.skip_until("connected 1")
        server.do("stream_for 7 100 1000000")
        ended = server.next_event(10)
        client.kill()
    stayed = ended.startswith("streamed")
    return ("stays for 7 s" if stayed else f"is {ended.replace(' 1 ', ': ')}"), stayed


def size_over_24_bits(subject):
    """a size over 24 bits is truncated, by a client"""
    with listener() as (accepting, port), \
            subject.client(f"tcp://127.0.0.1:{port}", *subject.largest_payload) as client, \
            accepting.accept()[0] as connection:
        client.expect("connected")
        client.do(f"stream 1 {OVER_24_BITS}")
        return size_seen(first_size(connection, 1), client, "disconnected Message too big.")


ALL = [
    port_above_65535_wraps, impossible_host_is_the_local_host, no_ipv6, connecting_blocks,
    short_write_ends_connection, small_messages_wait, stop_in_hook_is_forgotten, header_of_16_mib,
    full_server_is_stormed, fast_server_starves_own_pings, size_over_24_bits,
]
