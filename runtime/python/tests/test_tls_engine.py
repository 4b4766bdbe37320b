"""TLS as bytes in and out, and what a stream makes of it; no sockets."""

import asyncio
import pathlib
import re
import ssl

import pytest
from support import HI_IND

from messi_runtime.tls_engine import TlsEngine
from messi_runtime.tls_stream import TlsStream

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def pair(files, version=ssl.TLSVersion.TLSv1_3):
    """The engines of a client and a server that have shaken hands."""
    of_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    of_client.load_verify_locations(files.ca)
    of_client.maximum_version = version
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(files.certificate, files.key)
    client, server = TlsEngine(of_client, host="localhost"), TlsEngine(of_server, host=None)
    done = set()
    while len(done) < 2:
        for one, other in ((client, server), (server, client)):
            if one not in done and one.shake():
                done.add(one)
            other.feed(one.take())
    client.read()  # tickets
    server.feed(client.take())
    return client, server


@pytest.mark.parametrize("version", VERSIONS)
def test_who_has_ended_reads_on(files, version):
    client, server = pair(files, version)
    server.write(b"before")
    client.feed(server.take())
    client.finish()
    server.feed(client.take())
    assert (server.read(), server.ended, server.why_ended) == (b"", True, "")
    for data in (b"after", b"the end"):
        server.write(data)
        client.feed(server.take())
    assert (client.read(), client.ended) == (b"beforeafterthe end", False)
    server.finish()
    client.feed(server.take())
    client.finish()
    assert (client.read(), client.ended, client.why_ended) == (b"", True, "")


def test_input_that_is_cut_anywhere_becomes_whole(files):
    client, server = pair(files)
    server.write(HI_IND * 3000)
    server.finish()
    received = b""
    for byte in server.take():
        assert not client.ended
        client.feed(bytes([byte]))
        received += client.read()
    assert received == HI_IND * 3000
    assert client.ended


def test_records_are_full(files):
    client, server = pair(files)
    server.write(b"x" * 64 * 1024)
    data = server.take()
    lengths = []
    while data:
        size = int.from_bytes(data[3:5], "big")
        lengths.append(size)
        data = data[5 + size :]
    assert len(lengths) == 4
    assert min(lengths) >= 16 * 1024


def test_after_an_alert_nothing_is_read_or_written(files):
    client, server = pair(files)
    changed = bytearray(b"\x17\x03\x03\x00\x20" + bytes(32))
    server.feed(bytes(changed))
    assert (server.read(), server.ended, server.failed) == (b"", True, True)
    client.feed(server.take())
    assert client.read() == b""
    assert client.why_ended == "The server has ended TLS with an alert: bad record mac."
    client.write(b"x")
    client.finish()
    client.cut()
    assert client.why_ended == "The server has ended TLS with an alert: bad record mac."


def test_no_memory_is_kept_for_what_was_large(files):
    def resident():
        status = pathlib.Path("/proc/self/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    pairs = [pair(files) for _ in range(60)]
    before = resident()
    for client, server in pairs:
        for _ in range(4):
            server.write(bytes(64 * 1024))
        assert len(client.read(server.take())) == 256 * 1024
    assert (resident() - before) / len(pairs) < 150


class FullSocket:
    """Takes nothing, and has nothing to read."""

    broken = False
    wanted = None

    def read(self, size):
        return None

    def write(self, parts):
        return 0

    def want_input(self, wanted):
        self.wanted = wanted

    def want_room(self, wanted):
        pass


class TalkativeEngine:
    """As when the peer asks for new keys again and again: each read makes an answer."""

    ended = holds_input = failed = False

    def read(self, data):
        return b""

    def take(self):
        return b"x" * 1000


class LateSocket(FullSocket):
    room = False
    room_wanted = False

    def start(self, handle_readable, handle_writable):
        self.handle_writable = handle_writable

    def write(self, parts):
        return sum(len(part) for part in parts) if self.room else 0

    def want_room(self, wanted):
        self.room_wanted = wanted


class PlainEngine(TalkativeEngine):
    """Encrypts nothing."""

    def __init__(self):
        self.out = b""

    def shake(self):
        return True

    def write(self, data):
        self.out += data

    def take(self):
        taken, self.out = self.out, b""
        return taken


def test_room_that_was_used_while_reading_is_told_too():
    async def body():
        inner = LateSocket()
        stream = TlsStream(inner, PlainEngine())
        await stream.shake_hands()
        told = []
        stream.start(lambda: None, lambda: told.append(stream.held_output))
        assert stream.write([memoryview(b"x" * 100)]) == 100
        assert stream.held_output == 100
        inner.room = True
        stream.read()
        assert stream.held_output == 0
        assert inner.room_wanted
        inner.handle_writable()
        assert told == [0]
        assert not inner.room_wanted

    asyncio.run(body())


def test_who_does_not_read_the_answers_of_tls_is_not_read_from():
    async def body():
        inner = FullSocket()
        stream = TlsStream(inner, TalkativeEngine())
        stream.want_input(True)
        reads = 0
        while inner.wanted:
            stream.read()
            reads += 1
        assert 250 < reads < 270

    asyncio.run(body())
