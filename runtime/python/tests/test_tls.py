"""TLS on a good day: who talks, who knows whom, and how a connection ends."""

import asyncio
import datetime
import ssl

import chat_pb2
import pytest
from authority import Authority, openssl
from support import CONNECT_REQ, HI, HI_IND, Client, Server, addresses, running
from tls_support import TlsClient, TlsListener, TlsServer, tls_peer
from virtual_time import run

from messi_runtime import ClientOptions, DisconnectReason, TlsConfig
from messi_runtime.socket_stream import SocketStream

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def blob(size):
    return chat_pb2.MessageInd(text="x" * size)


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_go_both_ways(files, version):
    async def body():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        context.maximum_version = version
        server = TlsServer(context)
        async with running(server):
            assert server.uri == f"tls://127.0.0.1:{server.port}"
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")
                client.send(HI)
                await client.events.until("message_ind", "Erik", "hi")
                client.stop()
                await client.events.until("disconnected", DisconnectReason.STOPPED, "")
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)

    run(body())


def test_a_server_shows_its_certificate_and_a_client_may_have_none(files):
    class Looking(TlsServer):
        async def on_client_connected(self, client):
            self.events.add("certificate", client.peer_certificate(), client.peer_credentials())

    async def body():
        server = Looking(files.server())
        async with running(server):
            client = TlsClient(server.uri, files.client())
            assert client.peer_certificate() is None
            async with running(client):
                await client.events.until("connected")
                assert client.peer_certificate().subject == "CN=server,O=Example"
                await server.events.until("certificate", None, None)
            assert client.peer_certificate() is None

    run(body())


def test_both_sides_know_each_other_by_their_certificates(files, tmp_path):
    names = "DNS:b.example,DNS:a.example,IP:::1,IP:10.0.0.1,URI:spiffe://example/erik,email:e@example.org"
    subject = "/C=SE/O=Example, Inc./OU=x+y/CN=erik"
    certificate, key = files.authority.sign("all names", names=names, subject=subject)

    class Looking(TlsServer):
        async def on_client_connected(self, client):
            self.events.add("connected", client)

        async def on_client_disconnected(self, client, reason):
            self.events.add("gone", client.peer_certificate().subject)

    async def body():
        server = Looking(files.server(ca=files.ca))
        async with running(server):
            client = TlsClient(server.uri, files.client(certificate=certificate, key=key))
            async with running(client):
                _, its = await server.events.next()
                found = its.peer_certificate()
            await server.events.until("gone", found.subject)
        return found

    found = run(body())
    told = openssl("x509", "-in", certificate, "-noout", "-subject", "-nameopt", "RFC2253")
    assert f"subject={found.subject}\n" == told
    assert found.dns_names == ("b.example", "a.example")
    assert found.ip_addresses == ("::1", "10.0.0.1")
    assert found.uris == ("spiffe://example/erik",)
    assert found.emails == ("e@example.org",)
    told = openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256")
    assert told.strip().lower().endswith(found.sha256.hex(":"))
    in_two_days = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    assert abs(found.not_after - in_two_days) < datetime.timedelta(hours=1)


def test_without_tls_nobody_has_a_certificate():
    async def body():
        server = Server()
        async with running(server):
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                assert client.peer_certificate() is None
                assert server.clients[0].peer_certificate() is None

    run(body())


def test_a_name_that_is_not_in_the_uri_can_be_expected(files):
    certificate, key = files.authority.sign("by name", names="DNS:chat.example")

    async def body():
        server = TlsServer(TlsConfig(certificate=certificate, key=key))
        async with running(server):
            client = TlsClient(server.uri, files.client(server_name="chat.example"))
            async with running(client):
                await client.events.until("connect_rsp")

    run(body())


def test_the_hosts_name_is_checked_not_its_address(files):
    certificate, key = files.authority.sign("only name", names="DNS:chat.example")

    async def body():
        server = TlsServer(TlsConfig(certificate=certificate, key=key))
        async with running(server):
            client = TlsClient(f"tls://chat.example:{server.port}", files.client())
            with addresses("127.0.0.1"):
                async with running(client):
                    await client.events.until("connect_rsp")

    run(body())


def test_a_client_goes_to_a_uri_with_tls_after_one_without(files):
    async def body():
        server = TlsServer(files.server())
        async with running(server):
            options = ClientOptions(tls=files.client(), more_uris=[server.uri])
            client = Client("tcp://127.0.0.1:1", options=options)
            async with running(client):
                await client.events.until("connect_rsp")

    run(body())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_second_connection_resumes_the_session_of_the_first(files, version):
    async def body():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.maximum_version = version
        server = TlsServer(context)
        async with running(server):
            client = TlsClient(server.uri, files.client_with_certificate())
            for resumed in (0, 1, 2):
                async with running(client):
                    await client.events.until("connect_rsp")
                    assert context.session_stats()["hits"] == resumed
                    assert client.peer_certificate().subject == "CN=server,O=Example"
                    (its,) = server.clients
                    assert its.peer_certificate().subject == "CN=erik,O=Example"

    run(body())


@pytest.mark.parametrize("side", ["server", "client"])
def test_after_a_reload_the_handshake_is_a_full_one(files, side):
    async def body():
        tls = {"server": files.server(), "client": files.client()}
        server = TlsServer(tls["server"])
        async with running(server):
            client = TlsClient(server.uri, tls["client"])
            async with running(client):
                await client.events.until("connect_rsp")
            tls[side].reload()
            async with running(client):
                await client.events.until("connect_rsp")
            assert tls["server"]._messi_context(server_side=True).session_stats()["hits"] == 0

    run(body())


def test_a_session_is_resumed_after_the_network_has_cut_the_connection(files):
    async def body():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        server = TlsServer(context)
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")
                server.clients[0].disconnect_now()
                await client.events.until("connect_rsp")
                assert context.session_stats()["hits"] == 1

    run(body())


def test_new_certificates_are_for_new_connections(files, tmp_path):
    other = Authority(tmp_path / "other", "Other CA")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"

    def use(pair):
        for source, target in zip(pair, (certificate, key), strict=True):
            target.write_bytes(source.read_bytes())

    async def body():
        use((files.certificate, files.key))
        tls = TlsConfig(certificate=certificate, key=key)
        server = TlsServer(tls)
        async with running(server):
            old = TlsClient(server.uri, files.client())
            async with running(old):
                await old.events.until("connect_rsp")

                certificate.write_bytes(b"nothing")
                with pytest.raises(ValueError):
                    tls.reload()
                again = TlsClient(server.uri, files.client())
                async with running(again):
                    await again.events.until("connect_rsp")

                use(other.sign("server"))
                tls.reload()
                new = TlsClient(server.uri, TlsConfig(ca=other.certificate))
                async with running(new):
                    await new.events.until("connect_rsp")
                    new.send(HI)
                    await old.events.until("message_ind", "Erik", "hi")

    run(body())


def test_a_client_that_reloads_trusts_another_authority_from_then_on(files, tmp_path):
    other = Authority(tmp_path / "other", "Other CA")
    ca = tmp_path / "ca.pem"

    async def body():
        ca.write_bytes(other.certificate.read_bytes())
        tls = TlsConfig(ca=ca)
        server = TlsServer(files.server())
        async with running(server):
            client = TlsClient(server.uri, tls)
            async with running(client):
                await client.events.until(
                    "failure", "the server's certificate has an unknown issuer"
                )
                ca.write_bytes(files.ca.read_bytes())
                tls.reload()
                client.start()
                await client.events.until("connect_rsp")

    run(body())


@pytest.mark.parametrize("size", [1, 16 * 1024, 1024 * 1024 - 8, 10_000_000])
def test_large_messages_and_many_small_ones_arrive_whole_and_in_order(files, size):
    async def body():
        options = {"max_payload_size": 11_000_000, "max_pending_bytes": 64_000_000}
        server = TlsServer(files.server(), **options)
        async with running(server):
            client = TlsClient(server.uri, files.client(), **options)
            async with running(client):
                await client.events.until("connect_rsp")
                texts = ["x" * size if i % 2 else str(i) for i in range(1000 if size < 99 else 6)]
                for text in texts:
                    client.send(chat_pb2.MessageInd(text=text))
                for text in texts:
                    await client.events.until("message_ind", "", text)

    asyncio.run(body())


def test_messages_of_a_turn_share_records(files):
    async def body():
        server = TlsServer(files.server(), client_timeout=1000)
        async with running(server), tls_peer(server, files) as peer:
            await server.events.until("connected", 1)
            for _ in range(1000):
                server.clients[0].send(HI)
            received, records = 0, 0
            while received < 1000 * len(HI_IND):
                data = await peer.read()
                received += len(data)
                records += 1
            assert received == 1000 * len(HI_IND)
            assert records == 1

    run(body())


@pytest.mark.parametrize("version", VERSIONS)
def test_an_end_in_order_is_told_and_what_was_sent_before_arrives(files, version):
    async def body():
        server = TlsServer(files.server())
        async with running(server), tls_peer(server, files, version) as peer:
            await peer.send(CONNECT_REQ)
            await server.events.until("connect_req", 1, "Erik")
            (client,) = server.clients
            client.send(blob(500_000))
            client.disconnect()
            # The peer sends on while it reads what was sent to it.
            await peer.send(b"\x03\x00\x00\x00")
            received = b""
            while data := await peer.read():
                received += data
            assert received.endswith(b"x" * 500_000)
            peer.say_end()
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)

    run(body())


def test_a_peer_that_has_ended_still_gets_what_was_sent_to_it(files, monkeypatch):
    write = SocketStream.write

    def write_some(stream, parts):
        # Less than one piece of ciphertext.
        return write(stream, [memoryview(b"".join(parts))[:5_000]])

    monkeypatch.setattr(SocketStream, "write", write_some)

    async def body():
        frame = 4 + len(chat_pb2.ServerToClient(message_ind=blob(100_000)).SerializeToString())
        options = {"client_timeout": 1000, "linger": 1000, "max_pending_bytes": 64_000_000}
        server = TlsServer(files.server(), **options)
        async with running(server), tls_peer(server, files) as peer:
            await server.events.until("connected", 1)
            (client,) = server.clients
            for _ in range(200):
                client.send(blob(100_000))
            client.disconnect()
            peer.say_end()
            await asyncio.sleep(1)
            assert server.events.all[-1] == ("connected", 1)
            received = 0
            while data := await peer.read():
                received += len(data)
            assert received == 200 * frame
            await server.events.until("disconnected", 1, DisconnectReason.DISCONNECTED)

    run(body())


def test_a_cut_is_told_from_an_end(files):
    cut = "The connection was cut off; the server did not end it."

    async def body():
        async with TlsListener(files) as listener:
            client = TlsClient(listener.uri, files.client())
            async with running(client):
                peer = await listener.accept()
                await client.events.until("connected")
                await peer.send(HI_IND)
                peer.say_end()
                peer.writer.close()
                await client.events.until("message_ind", "Erik", "hi")
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED, "")

                peer = await listener.accept()
                await peer.send(HI_IND)
                peer.writer.close()
                await client.events.until("message_ind", "Erik", "hi")
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED, cut)

                peer = await listener.accept()
                await client.events.until("connected")
                peer.writer.write(peer.records_of(HI_IND)[:-1])
                peer.writer.close()
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED, cut)

    run(body())


def test_a_paused_client_gets_the_end_after_what_waits(files):
    async def body():
        async with TlsListener(files) as listener:
            client = TlsClient(listener.uri, files.client())
            async with running(client):
                peer = await listener.accept()
                await client.events.until("connected")
                client.pause()
                # More than is read ahead; and the end is in the same read as the last of it.
                sending = asyncio.ensure_future(peer.send(HI_IND * 30_000))
                await asyncio.sleep(10)
                client.resume()
                await sending
                peer.say_end()
                for _ in range(30_000):
                    await client.events.until("message_ind", "Erik", "hi")
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED, "")

    run(body())


def test_any_byte_is_a_sign_of_life_even_of_a_record_that_is_not_whole(files):
    async def body():
        async with TlsListener(files) as listener:
            client = TlsClient(listener.uri, files.client(), pong_timeout=4)
            async with running(client):
                peer = await listener.accept()
                await client.events.until("connected")
                records = peer.records_of(HI_IND)
                for byte in records[:5]:
                    await asyncio.sleep(3)
                    peer.writer.write(bytes([byte]))
                await asyncio.sleep(3)
                peer.writer.write(records[5:])
                await client.events.until("message_ind", "Erik", "hi")

    run(body())


def test_a_client_is_authenticated_by_its_certificate_and_hears_why_not(files):
    class Choosy(TlsServer):
        async def on_authenticate(self, client):
            if client.peer_certificate().subject == "CN=erik,O=Example":
                client.accept()
            else:
                client.refuse("Only for Erik.")

    async def body():
        server = Choosy(files.server(ca=files.ca))
        certificate, key = files.authority.sign("mallory")
        async with running(server):
            erik = TlsClient(server.uri, files.client_with_certificate())
            mallory = TlsClient(server.uri, files.client(certificate=certificate, key=key))
            async with running(erik, mallory):
                await erik.events.until("connect_rsp")
                reason = DisconnectReason.UNAUTHENTICATED
                await mallory.events.until("disconnected", reason, "Only for Erik.")
                await server.events.until("refused", reason)

    run(body())


def test_a_client_that_is_one_too_many_hears_that(files):
    async def body():
        server = TlsServer(files.server(), max_clients=1)
        async with running(server):
            first = TlsClient(server.uri, files.client())
            second = TlsClient(server.uri, files.client())
            async with running(first):
                await first.events.until("connect_rsp")
                async with running(second):
                    while (event := await second.events.next())[0] != "disconnected":
                        pass
                    assert event[1] == DisconnectReason.TOO_MANY_CLIENTS

    run(body())


def test_a_drain_loses_nothing_in_either_direction(files):
    async def body():
        server = TlsServer(files.server(), max_pending_bytes=64_000_000)
        await server.start()
        client = TlsClient(server.uri, files.client(), max_pending_bytes=64_000_000)
        async with running(client):
            await client.events.until("connect_rsp")
            texts = [f"{number} {'x' * 50_000}" for number in range(100)]
            for text in texts:
                client.send(chat_pb2.MessageInd(text=text))
                server.clients[0].send(chat_pb2.MessageInd(text=text))
            server.drain(1000)
            await client.events.until("disconnected", DisconnectReason.DRAINING, "")
            await server.wait_stopped()
            heard = [event[2] for event in server.events.all if event[0] == "message_ind"]
            assert heard == texts
            heard = [event[2] for event in client.events.all if event[0] == "message_ind"]
            # The server has answered what it heard, too.
            assert [each for each in heard if each in texts][: len(texts)] == texts
            assert len(heard) == 2 * len(texts)

    run(body())
