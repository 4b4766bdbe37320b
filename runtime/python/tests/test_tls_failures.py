"""Handshakes that fail: each says why, on both sides."""

import asyncio
import contextlib
import dataclasses
import datetime
import socket
import ssl
import struct

import pytest
from authority import Authority
from support import CONNECT_REQ, PING, Client, Listener, Server, addresses, running
from tls_support import TlsClient, TlsServer
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, TlsConfig, TlsError
from messi_runtime.peer_certificate import peer_certificate_of

YEAR = datetime.timedelta(days=365)

NOT_TLS = "does not speak TLS; it speaks"
NOTHING_IN_COMMON = (
    "the server found no cipher, signature or certificate in common (handshake failure)"
)
HUNG_UP = "has closed the connection during the handshake; does it speak TLS?"


def context(side, **changes):
    made = ssl.SSLContext(side)
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def server_context(files, **changes):
    made = context(ssl.PROTOCOL_TLS_SERVER, **changes)
    made.load_cert_chain(files.certificate, files.key)
    return made


def client_context(files, **changes):
    made = context(ssl.PROTOCOL_TLS_CLIENT, **changes)
    made.load_verify_locations(files.ca)
    return made


async def failures(server, client):
    """What both say of a handshake."""
    async with running(server, client):
        _, of_client = await client.events.next()
        _, of_server = await server.events.next()
    return of_client, of_server


def test_an_expired_certificate(files):
    certificate, key = files.authority.sign("expired", days=-1)

    async def body():
        server = TlsServer(TlsConfig(certificate=certificate, key=key))
        await server.start()
        assert await failures(server, TlsClient(server.uri, files.client())) == (
            "the server's certificate has expired",
            "the client refuses our certificate: it has expired",
        )

    run(body())


@pytest.mark.parametrize("trusted", ["another authority", "the system's authorities"])
def test_a_certificate_from_an_unknown_issuer(files, tmp_path, trusted):
    async def body():
        server = TlsServer(files.server())
        await server.start()
        ca = None
        if trusted == "another authority":
            ca = Authority(tmp_path / "other", "Other CA").certificate
        assert await failures(server, TlsClient(server.uri, TlsConfig(ca=ca))) == (
            "the server's certificate has an unknown issuer",
            "the client refuses our certificate: its issuer is unknown there",
        )

    run(body())


def test_a_certificate_that_has_signed_itself(files):
    authority = files.authority

    async def body():
        server = TlsServer(TlsConfig(certificate=authority.certificate, key=authority.key))
        await server.start()
        assert await failures(server, TlsClient(server.uri, None)) == (
            "the server's certificate is self-signed, and not among those that we trust",
            "the client refuses our certificate: its issuer is unknown there",
        )

    run(body())


@pytest.mark.parametrize("name", ["127.0.0.1", "chat.example"])
def test_a_certificate_for_another_host(files, name):
    certificate, key = files.authority.sign("elsewhere", names="DNS:other.example,IP:10.0.0.1")

    async def body():
        server = TlsServer(TlsConfig(certificate=certificate, key=key))
        await server.start()
        assert await failures(server, TlsClient(server.uri, files.client(server_name=name))) == (
            f"the server's certificate is not for {name}",
            "the client refuses our certificate: bad certificate",
        )

    run(body())


def test_no_common_version(files):
    async def body():
        server = TlsServer(server_context(files, maximum_version=ssl.TLSVersion.TLSv1_2))
        client = client_context(files, minimum_version=ssl.TLSVersion.TLSv1_3)
        await server.start()
        assert await failures(server, TlsClient(server.uri, client)) == (
            "the server and we have no TLS version in common",
            "the client and we have no TLS version in common",
        )

    run(body())


def test_versions_before_1_2_are_refused(files):
    async def body():
        server = TlsServer(files.server())
        old = client_context(files)
        old.set_ciphers("DEFAULT@SECLEVEL=0")
        with pytest.deprecated_call():
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        await server.start()
        _, of_server = await failures(server, TlsClient(server.uri, old))
        assert of_server == "the client and we have no TLS version in common"

    run(body())


def test_no_common_cipher(files):
    async def body():
        server = TlsServer(server_context(files, maximum_version=ssl.TLSVersion.TLSv1_2))
        client = client_context(files)
        server.options.tls.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
        client.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
        await server.start()
        assert await failures(server, TlsClient(server.uri, client)) == (
            NOTHING_IN_COMMON,
            "the client and we have no cipher in common (no shared cipher)",
        )

    run(body())


def test_a_client_without_a_certificate(files):
    async def body():
        server = TlsServer(files.server(ca=files.ca))
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await server.events.until("handshake failed", "the client has shown no certificate")
                # In TLS 1.3 a client has done its part when the server looks at its certificate.
                await client.events.until(
                    "disconnected",
                    DisconnectReason.CONNECTION_CLOSED,
                    "The server demands a certificate, and we have shown none.",
                )

    run(body())


def test_a_client_without_a_certificate_in_tls_1_2(files):
    async def body():
        tls = server_context(files, maximum_version=ssl.TLSVersion.TLSv1_2)
        tls.load_verify_locations(files.ca)
        tls.verify_mode = ssl.CERT_REQUIRED
        server = TlsServer(tls)
        await server.start()
        assert await failures(server, TlsClient(server.uri, files.client())) == (
            NOTHING_IN_COMMON,
            "the client has shown no certificate",
        )

    run(body())


def test_a_client_with_a_certificate_from_an_unknown_issuer(files, tmp_path):
    certificate, key = Authority(tmp_path / "other", "Other CA").sign("mallory")

    async def body():
        server = TlsServer(files.server(ca=files.ca))
        async with running(server):
            client = TlsClient(server.uri, files.client(certificate=certificate, key=key))
            async with running(client):
                await server.events.until(
                    "handshake failed", "the client's certificate has an unknown issuer"
                )
                hint = "The server refuses our certificate: its issuer is unknown there."
                reason = DisconnectReason.CONNECTION_CLOSED
                await client.events.until("disconnected", reason, hint)

    run(body())


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", f"{NOT_TLS} HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", f"{NOT_TLS} something else"),
        (PING, f"{NOT_TLS} messi without TLS"),
        (CONNECT_REQ, f"{NOT_TLS} messi without TLS"),
        (b"\xff\xfe\xfd\xfc", f"{NOT_TLS} something else"),
        (b"\x00", f"{NOT_TLS} something else"),
        (b"\x16\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00", f"{NOT_TLS} something else"),
        (b"\x16\x03\x01\xff\xff" + b"\x01" * 100, None),
        (b"\x16\x03\x01\x00\x10" + b"\x99" * 16, None),
        (b"\x15\x03\x01\x00\x02\x02\x28", "unexpected message"),
        (b"", HUNG_UP),
    ],
)
def test_what_is_no_tls(files, data, why):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(data)
            if not data:
                writer.close()
            _, told = await server.events.next()
            assert why is None or told.endswith(why)
            await reader.read()
            writer.close()
            await still_serves(server, files)

    run(body())


async def still_serves(server, files):
    client = TlsClient(server.uri, files.client())
    async with running(client):
        await client.events.until("connect_rsp")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", f"{NOT_TLS} something else"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", f"{NOT_TLS} HTTP"),
        (b"\x04\x00\x00\x00", f"{NOT_TLS} messi without TLS"),
        (b"", HUNG_UP),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_a_server_that_does_not_speak_tls(files, data, why, early):
    async def body():
        async with Listener() as listener:
            client = TlsClient(listener.uri.replace("tcp", "tls"), files.client())
            async with running(client):
                reader, writer = await listener.accept()
                if not early:
                    await reader.read(1)
                writer.write(data)
                writer.close()
                await client.events.until("failure", f"the server {why}")

    run(body())


def test_a_client_with_tls_of_a_server_without(files):
    async def body():
        server = Server()
        async with running(server):
            client = TlsClient(server.uri.replace("tcp", "tls"), files.client())
            async with running(client):
                await client.events.until("failure", f"the server {HUNG_UP}")
                reason = DisconnectReason.PROTOCOL_ERROR
                await server.events.until("disconnected", 1, reason)

    run(body())


def test_a_client_without_tls_of_a_server_with_it(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            client = Client(server.uri.replace("tls", "tcp"))
            async with running(client):
                why = f"the client {NOT_TLS} messi without TLS"
                await server.events.until("handshake failed", why)
                await client.events.until("disconnected", DisconnectReason.PROTOCOL_ERROR)
                assert client.disconnect_hint == "The peer seems to speak TLS."

    run(body())


def test_a_name_that_can_be_in_no_certificate(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            client = TlsClient(server.uri, files.client(server_name="a..b"))
            async with running(client):
                _, why = await client.events.next()
                assert why.startswith('"a..b" cannot be the name in a certificate: ')

    run(body())


def test_the_failure_of_a_client_is_a_connection_error(files):
    class Keeping(TlsClient):
        async def on_connect_failure(self, exception):
            self.events.add("exception", exception)
            return None

    async def body():
        server = TlsServer(files.server())
        async with running(server):
            client = Keeping(server.uri, None)
            async with running(client):
                _, exception = await client.events.next()
                assert isinstance(exception, TlsError)
                assert isinstance(exception, ConnectionError)
                assert isinstance(exception.__cause__, ssl.SSLCertVerificationError)

    run(body())


def test_a_failed_handshake_is_an_attempt_like_others(files):
    class Counting(Client):
        async def on_connect_failure(self, exception):
            delay = await super().on_connect_failure(exception)
            self.events.add("delay", type(exception), delay > 0)
            return delay

    async def body():
        server, other = TlsServer(files.server()), TlsServer(files.server())
        async with running(server, other):
            client = Counting(server.uri, options=ClientOptions(more_uris=[other.uri]))
            async with running(client):
                await client.events.until("delay", TlsError, False)
                await client.events.until("delay", TlsError, True)
                await client.events.until("delay", TlsError, False)

    run(body())


def test_an_address_that_fails_its_handshake_is_tried_last(files):
    async def body():
        # Not 127.0.0.1: any program's connections may have the port there.
        server = TlsServer(files.server(), "tls://127.0.0.2:0")
        async with running(server):
            plain = await asyncio.start_server(
                lambda _, writer: writer.close(), "127.0.0.3", server.port
            )
            options = ClientOptions(tls=files.client(server_name="localhost"))
            client = Client(f"tls://two.example:{server.port}", options=options)
            with addresses("127.0.0.3", "127.0.0.2"):
                async with running(client):
                    assert await client.events.next() == ("failure", TlsError)
                    assert await client.events.next() == ("connected",)
            plain.close()

    run(body())


def test_a_certificate_that_has_expired_since_its_session_began(files, monkeypatch):
    def expired(tls):
        found = peer_certificate_of(tls)
        return found and dataclasses.replace(found, not_after=found.not_after - YEAR)

    monkeypatch.setattr("messi_runtime.tls_engine.peer_certificate_of", expired)

    async def body():
        server = TlsServer(files.server())
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")
            async with running(client):
                await client.events.until("failure", "the server's certificate has expired")

    run(body())


def test_a_client_that_is_silent_has_five_seconds(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            loop = asyncio.get_running_loop()
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16")
            began = loop.time()
            await server.events.until("handshake failed", "the handshake took too long")
            assert loop.time() - began == pytest.approx(5, abs=0.5)
            assert await reader.read() == b""
            writer.close()

    run(body())


def test_a_server_that_is_silent_has_the_time_of_an_attempt(files):
    class Timed(Client):
        pass

    async def body():
        async with Listener() as listener:
            uri = listener.uri.replace("tcp", "tls")
            client = Timed(uri, options=ClientOptions(tls=files.client(), connect_timeout=3))
            async with running(client):
                reader, _ = await listener.accept()
                await client.events.until("failure", asyncio.TimeoutError)
                assert asyncio.get_running_loop().time() == pytest.approx(3, abs=0.5)
                assert await reader.read() != b""  # and then the end, not a reset
                assert await reader.read() == b""

    run(body())


@pytest.mark.parametrize("how", ["stop", "stop_now"])
def test_a_server_that_stops_ends_handshakes_and_says_nothing(files, how):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"\x16")
            await asyncio.sleep(1)
            getattr(server, how)()
            await server.wait_stopped()
            assert asyncio.get_running_loop().time() < 2
            assert await reader.read() == b""
            assert server.events.all == []
            writer.close()

    run(body())


def test_a_client_that_stops_ends_its_handshake(files):
    async def body():
        async with Listener() as listener:
            client = TlsClient(listener.uri.replace("tcp", "tls"), files.client())
            client.start()
            reader, _ = await listener.accept()
            await reader.read(1)
            client.stop()
            await client.wait_stopped()
            while await reader.read(1000):
                pass
            assert client.events.all == []

    run(body())


def test_a_reload_during_a_handshake_is_for_the_next(files):
    async def body():
        tls = files.server()
        server = TlsServer(tls)
        async with running(server):
            async with Relay(server.port) as relay:
                client = TlsClient(relay.uri, files.client(), connect_timeout=100)
                async with running(client):
                    await relay.wait_for(10)
                    tls.reload()
                    relay.go_on()
                    await client.events.until("connect_rsp")

    run(body())


class Relay:
    """Passes on so many bytes of a client, and then the rest when it is told, or never."""

    def __init__(self, port):
        self._port = port
        self._held = asyncio.Event()
        self._go_on = asyncio.Event()
        self._most = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.uri = f"tls://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def wait_for(self, most):
        self._most = most
        await self._held.wait()

    def go_on(self):
        self._go_on.set()

    async def _accept(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        back = asyncio.ensure_future(_copy(server_reader, writer))
        server_writer.write(await reader.readexactly(self._most))
        self._held.set()
        await self._go_on.wait()
        await _copy(reader, server_writer)
        await back


async def _copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
        writer.write_eof()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("reset", [True, False])
def test_a_handshake_that_is_cut_at_any_byte_does_no_harm(files, version, reset):
    """Of what the client says; each cut is a connection of its own."""
    client = client_context(files, maximum_version=version)

    async def body():
        server = TlsServer(files.server())
        async with running(server):
            said = len(await say(server, client, None))
            cuts = [0, 1, 4, 5, 6, *range(7, said, 61), said - 1]
            for cut in cuts:
                await say(server, client, cut, reset)
                event = await server.events.next()
                assert event[0] == "handshake failed", (cut, event)
                assert event[1], cut
            await still_serves(server, files)

    run(body())


async def say(server, context, most, reset=False):
    """Makes a handshake of which only so many bytes are said. Returns what was said."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    said = b""
    while most is None or len(said) < most:
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        data = outgoing.read()
        data = data if most is None else data[: most - len(said)]
        said += data
        writer.write(data)
        if done:
            break
        if most is None or len(said) < most:
            incoming.write(await reader.read(65536))
    if reset:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        if most:
            await asyncio.sleep(0.1)
    writer.transport.abort()
    if most is None:
        await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
    return said


@pytest.mark.parametrize("raises", [True, False])
def test_a_hook_that_fails_or_is_cancelled_harms_nobody(files, caplog, raises):
    class Failing(TlsServer):
        async def on_handshake_failed(self, peer_address, error):
            self.events.add("failed")
            if raises:
                raise KeyError("hook")
            asyncio.current_task().cancel()
            await asyncio.sleep(1)

    async def body():
        server = Failing(files.server())
        async with running(server):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await server.events.until("failed")
            await asyncio.sleep(1)
            await still_serves(server, files)
            writer.close()

    run(body())
    assert ("on_handshake_failed has failed" in caplog.text) == raises


def test_a_hook_that_stops_the_server_ends_the_other_handshakes(files):
    class Stopping(TlsServer):
        async def on_handshake_failed(self, peer_address, error):
            self.events.add("failed")
            self.stop()

    async def body():
        server = Stopping(files.server())
        async with running(server):
            reader, other = await asyncio.open_connection("127.0.0.1", server.port)
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await server.wait_stopped()
            assert await reader.read() == b""
            assert server.events.all == [("failed",)]
            writer.close()
            other.close()

    run(body())
