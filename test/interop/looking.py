"""What it takes to see a defect."""

import contextlib
import os
import re
import signal
import socket
import struct
import threading
import time

from endpoint import Failure
from scenarios import SOON

PING = b"\x03\x00\x00\x00"
PONG = b"\x04\x00\x00\x00"
OVER_24_BITS = 2**24 + 5000


@contextlib.contextmanager
def listener(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as accepting:
        accepting.settimeout(SOON)
        yield accepting, accepting.getsockname()[1]


def accepts(accepting, within):
    accepting.settimeout(within)
    try:
        accepting.accept()[0].close()
        return True
    except TimeoutError:
        return False


def read_for(connection, patience, answer=b"", enough=float("inf")):
    """All that comes until nothing does for a while, or it is enough."""
    connection.settimeout(patience)
    came = b""
    with contextlib.suppress(OSError):
        while len(came) < enough and (piece := connection.recv(1 << 20)):
            came += piece
            connection.sendall(answer)
    return came


def pour(connection, data, stop):
    with contextlib.suppress(OSError):
        while not stop.is_set():
            connection.sendall(data)


@contextlib.contextmanager
def flooding(port):
    stop = threading.Event()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        thread = threading.Thread(target=pour, args=(connection, bytes.fromhex("01000000") * 16384, stop))
        thread.start()
        try:
            time.sleep(0.2)
            yield
        finally:
            stop.set()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def answer_time(connection, patience=3.0):
    """From ping to pong."""
    connection.settimeout(patience)
    begin = time.monotonic()
    with contextlib.suppress(OSError):
        connection.sendall(PING)
        connection.recv(4)
    return time.monotonic() - begin


def memory_in_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) // 1024


def processor_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def answers(port):
    with socket.create_connection(("127.0.0.1", port), SOON) as connection:
        connection.settimeout(SOON)
        connection.sendall(PING)
        return connection.recv(4) == PONG


@contextlib.contextmanager
def held(endpoint):
    """The endpoint does nothing meanwhile; the system goes on for it."""
    os.kill(endpoint.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, endpoint.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        os.kill(endpoint.pid, signal.SIGCONT)


def memory_error(endpoint, event):
    """What the endpoint did wrong to its memory before it got to the event, if it did."""
    try:
        endpoint.skip_until(event, SOON)
    except Failure:
        error = re.search(r"AddressSanitizer: (\S+)", endpoint.errors)
        if error is None:
            raise
        return error[1]
    return None


def first_size(connection, kind):
    """The size that the first frame of that kind gives itself; None if the connection ends without one."""
    connection.settimeout(SOON)
    with contextlib.suppress(ConnectionError), connection.makefile("rb") as frames:
        while header := frames.read(4):
            if header[0] == kind:
                return int.from_bytes(header[1:], "big")
    return None


def size_seen(announced, endpoint, refusal):
    if announced is not None:
        return f"says that {OVER_24_BITS} bytes of text are {announced}", False
    endpoint.skip_until(refusal)
    return "sends nothing", True
