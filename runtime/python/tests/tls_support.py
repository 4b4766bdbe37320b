"""Servers and clients that speak TLS, and peers that speak bytes of it."""

import asyncio
import contextlib
import ssl

from support import Client, Server

from messi_runtime import ClientOptions, ServerOptions, TlsConfig


class TlsServer(Server):
    def __init__(self, tls, uri="tls://127.0.0.1:0", **options):
        super().__init__(uri, options=ServerOptions(tls=tls, **options))

    async def on_handshake_failed(self, peer_address, error):
        self.events.add("handshake failed", str(error))


class TlsClient(Client):
    def __init__(self, uri, tls, **options):
        super().__init__(uri, options=ClientOptions(tls=tls, **options))

    async def on_connect_failure(self, exception):
        self.events.add("failure", str(exception))
        return None

    async def on_disconnected(self, reason):
        self.events.add("disconnected", reason, self.disconnect_hint)


class Files:
    """What a test configures: an authority, and what it has signed."""

    def __init__(self, authority):
        self.authority = authority
        self.ca = authority.certificate
        self.certificate, self.key = authority.sign("server")
        self.own_certificate, self.own_key = authority.sign("erik")

    def server(self, **changes):
        return TlsConfig(**{"certificate": self.certificate, "key": self.key, **changes})

    def client(self, **changes):
        return TlsConfig(**{"ca": self.ca, **changes})

    def client_with_certificate(self):
        return self.client(certificate=self.own_certificate, key=self.own_key)


class TlsPeer:
    """Speaks TLS over asyncio's streams, and can stop doing so at any byte."""

    def __init__(self, context, reader, writer, host=None):
        self.reader, self.writer = reader, writer
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, host is None, host)

    async def shake_hands(self):
        await self._retry(self.tls.do_handshake)

    async def read(self):
        """A record; nothing at the end."""
        try:
            return await self._retry(lambda: self.tls.read(64 * 1024))
        except ssl.SSLZeroReturnError:
            return b""

    def records_of(self, data):
        view = memoryview(data)
        while view:
            view = view[self.tls.write(view) :]
        return self.outgoing.read()

    async def send(self, data):
        self.writer.write(self.records_of(data))
        await self.writer.drain()

    def say_end(self):
        with contextlib.suppress(ssl.SSLError):
            self.tls.unwrap()
        self.writer.write(self.outgoing.read())

    async def _retry(self, step):
        while True:
            try:
                result = step()
                self.writer.write(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.writer.write(self.outgoing.read())
                data = await self.reader.read(64 * 1024)
                if not data:
                    return b""
                self.incoming.write(data)


@contextlib.asynccontextmanager
async def tls_peer(server, files, version=None):
    """A client of `server` that speaks bytes over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(files.ca)
    if version is not None:
        context.maximum_version = version
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    peer = TlsPeer(context, reader, writer, "localhost")
    try:
        await peer.shake_hands()
        yield peer
    finally:
        writer.transport.abort()


class TlsListener:
    """A server that speaks bytes over TLS: `async with TlsListener(files) as listener`."""

    def __init__(self, files):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._streams = asyncio.Queue()
        self._writers = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.uri = f"tls://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def accept(self):
        peer = TlsPeer(self._context, *await self._streams.get())
        await peer.shake_hands()
        return peer

    def _accept(self, reader, writer):
        self._writers.append(writer)
        self._streams.put_nowait((reader, writer))
