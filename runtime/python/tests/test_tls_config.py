"""What is said about TLS: files or bytes, and what is wrong with them."""

import asyncio
import re
import ssl

import pytest
from authority import openssl
from support import Client, Server, running
from tls_support import TlsClient, TlsServer
from virtual_time import run

from messi_runtime import ClientOptions, ServerOptions, TlsConfig


def start_error(tls, side="server"):
    async def body():
        if side == "server":
            end = Server("tls://127.0.0.1:0", options=ServerOptions(tls=tls))
        else:
            end = Client("tls://127.0.0.1:1", options=ClientOptions(tls=tls))
        with pytest.raises(ValueError) as raised:
            async with running(end):
                pass
        return str(raised.value)

    return run(body())


@pytest.mark.parametrize("kind", [str, lambda path: path, lambda path: path.read_bytes()])
def test_certificates_and_keys_are_files_or_bytes(files, kind):
    ca, certificate, key = kind(files.ca), kind(files.certificate), kind(files.key)

    async def body():
        server = TlsServer(TlsConfig(ca=ca, certificate=certificate, key=key))
        async with running(server):
            client = TlsClient(server.uri, TlsConfig(ca=ca, certificate=certificate, key=key))
            async with running(client):
                await client.events.until("connect_rsp")

    run(body())


def test_the_key_may_be_with_the_certificate(files):
    both = files.certificate.read_bytes() + files.key.read_bytes()

    async def body():
        server = TlsServer(TlsConfig(certificate=both))
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")

    run(body())


def test_a_ready_context_is_used_as_it_is(files):
    async def body():
        of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        of_server.load_cert_chain(files.certificate, files.key)
        of_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        of_client.check_hostname = False
        of_client.verify_mode = ssl.CERT_NONE
        server = TlsServer(of_server)
        async with running(server):
            client = TlsClient(server.uri, of_client)
            async with running(client):
                await client.events.until("connect_rsp")
                # Nobody has verified it.
                assert client.peer_certificate() is None

    run(body())


def test_contexts_are_made_once_for_all_that_share_them(files, monkeypatch):
    made = []
    load = TlsConfig._load

    def counted(config, server_side):
        made.append(server_side)
        return load(config, server_side)

    monkeypatch.setattr(TlsConfig, "_load", counted)

    async def body():
        tls = files.server(ca=files.ca)
        servers = [TlsServer(tls) for _ in range(3)]
        async with running(*servers):
            clients = [TlsClient(server.uri, tls) for server in servers]
            async with running(*clients):
                for client in clients:
                    await client.events.until("connect_rsp")

    run(body())
    assert sorted(made) == [False, True]


@pytest.mark.parametrize("server_side", [True, False])
def test_versions_and_renegotiation(files, server_side):
    context = files.server()._messi_context(server_side=server_side)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_a_server_needs_a_certificate(files):
    with pytest.raises(
        ValueError, match=re.escape('"tls://:0": TLS needs a certificate; expected ')
    ):
        Server("tls://:0")
    assert start_error(files.client()) == (
        "TLS: a server needs a certificate, but certificate is None."
    )


def test_a_key_alone_is_nothing(files):
    with pytest.raises(ValueError) as raised:
        TlsConfig(key=files.key)
    assert str(raised.value) == "TLS: the key belongs to a certificate, but certificate is None."


def test_a_file_that_is_not_there(files, tmp_path):
    missing = tmp_path / "missing.pem"
    assert start_error(files.server(certificate=missing)) == (
        f'TLS: certificate "{missing}" is expected to have a certificate in PEM, but cannot be '
        f"read: No such file or directory."
    )
    assert start_error(files.server(key=str(missing))) == (
        f'TLS: key "{missing}" is expected to have a private key in PEM, but cannot be read: '
        f"No such file or directory."
    )
    assert start_error(files.client(ca=missing), "client") == (
        f'TLS: ca "{missing}" is expected to have certificates in PEM, but cannot be read: '
        f"No such file or directory."
    )


def test_a_file_with_something_else(files):
    assert start_error(files.server(certificate=files.key)) == (
        f'TLS: certificate "{files.key}" is expected to have a certificate in PEM, but has none.'
    )
    assert start_error(files.server(key=None)) == (
        f'TLS: certificate "{files.certificate}" is expected to have a private key in PEM, but has '
        f"none."
    )
    assert start_error(files.client(ca=b"x"), "client") == (
        "TLS: ca (bytes) is expected to have certificates in PEM, but has none."
    )


def test_a_damaged_certificate(files):
    damaged = files.certificate.read_bytes().replace(b"MII", b"!!!", 1)
    what = start_error(files.server(certificate=damaged))
    assert what.startswith("TLS: certificate (bytes): it cannot be used: ")
    assert start_error(files.client(ca=damaged), "client").startswith(
        "TLS: ca (bytes) cannot be used: "
    )


def test_a_key_of_another_certificate(files):
    assert start_error(files.server(key=files.own_key)) == (
        f'TLS: certificate "{files.certificate}": key "{files.own_key}" is not the key of it.'
    )


def test_an_encrypted_key_does_not_ask_for_its_password(files, tmp_path):
    encrypted = tmp_path / "encrypted.pem"
    openssl("ec", "-in", files.key, "-aes256", "-passout", "pass:x", "-out", encrypted)
    assert start_error(files.server(key=encrypted)) == (
        f'TLS: key "{encrypted}" is encrypted, but a key without a password is expected.'
    )


def test_a_context_of_the_other_side():
    assert start_error(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) == (
        "TLS: a server needs an SSLContext of its side, but got one of PROTOCOL_TLS_CLIENT."
    )
    assert start_error(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "client") == (
        "TLS: a client needs an SSLContext of its side, but got one of PROTOCOL_TLS_SERVER."
    )


def test_a_start_that_has_failed_can_be_tried_again(files, tmp_path):
    later = tmp_path / "later.pem"

    async def body():
        server = TlsServer(files.server(certificate=later))
        with pytest.raises(ValueError):
            await server.start()
        later.write_bytes(files.certificate.read_bytes())
        async with running(server):
            client = TlsClient(server.uri, files.client())
            async with running(client):
                await client.events.until("connect_rsp")

    run(body())


def test_tls_is_not_needed_where_no_uri_has_it(tmp_path):
    async def body():
        server = Server(options=ServerOptions(tls=TlsConfig(certificate=tmp_path / "none")))
        async with running(server):
            client = Client(server.uri, options=ClientOptions(tls=TlsConfig(ca=tmp_path / "none")))
            async with running(client):
                await client.events.until("connect_rsp")

    asyncio.run(body())
