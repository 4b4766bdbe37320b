import asyncio
import math
import socket
from unittest.mock import patch

import chat_pb2
import pytest
from support import (
    CONNECT_REQ,
    CONNECT_RSP,
    PING,
    PONG,
    Client,
    Listener,
    Server,
    addresses,
    is_closed,
    read_user_messages,
    running,
)
from virtual_time import run

from messi_runtime import BackoffSettings, ClientOptions, DisconnectReason


def test_connects_says_hello_pings_and_stops():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            assert not client.connected
            client.start()
            reader, writer = await listener.accept()
            # What on_connected sends goes ahead of the early ping.
            assert await reader.readexactly(16) == CONNECT_REQ + PING
            writer.write(PONG + CONNECT_RSP)
            await client.events.until("connect_rsp")
            assert client.connected
            client.stop()
            assert not client.connected
            await client.wait_stopped()
            assert await reader.read() == b""
            assert client.events.all == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.STOPPED),
            ]

    run(body())


def test_small_messages_go_out_at_once():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                await client.events.until("connected")
                raw = client._messi_driver.link._transport.get_extra_info("socket")
                assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    run(body())


def test_connect_succeeds_on_the_second_attempt():
    async def body():
        refused = True
        open_connection = asyncio.open_connection

        async def refuse_once(host, port):
            nonlocal refused
            if refused:
                refused = False
                raise ConnectionRefusedError
            return await open_connection(host, port)

        async with Listener() as listener:
            client = Client(listener.uri)
            with patch("asyncio.open_connection", refuse_once):
                async with running(client):
                    await client.events.until("connected")
            assert client.events.all[:2] == [("failure", ConnectionRefusedError), ("connected",)]

    run(body())


@pytest.mark.parametrize("failure", [ConnectionRefusedError, asyncio.TimeoutError, UnicodeError])
def test_a_failed_connect_is_told_and_tried_again(failure):
    async def body():
        async def fail(host, port):
            raise failure()

        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000")
            async with running(client):
                for _ in range(5):
                    assert await client.events.next() == ("failure", failure)
        # 1 + 1.6 + 2.56 + 4.096 s, less up to a half
        assert 4.6 < asyncio.get_running_loop().time() < 9.3

    run(body())


@pytest.mark.parametrize("failure", [ConnectionRefusedError, asyncio.TimeoutError])
def test_a_failed_connect_is_not_tried_again_if_the_hook_says_so(failure):
    class OnceOnly(Client):
        async def on_connect_failure(self, exception):
            await super().on_connect_failure(exception)

    async def body():
        async def fail(host, port):
            raise failure()

        with patch("asyncio.open_connection", fail):
            client = OnceOnly("tcp://1.2.3.4:5000")
            client.start()
            await client.wait_stopped()
            assert client.events.all == [("failure", failure)]
            # Stopped, so it can be started.
            client.start()
            await client.wait_stopped()
            assert len(client.events.all) == 2

    run(body())


def test_the_hook_says_when_to_try_again():
    class Patient(Client):
        async def on_connect_failure(self, exception):
            await super().on_connect_failure(exception)
            return 100

    async def body():
        async def fail(host, port):
            raise ConnectionRefusedError

        with patch("asyncio.open_connection", fail):
            client = Patient("tcp://1.2.3.4:5000")
            async with running(client):
                await client.events.next()
                await client.events.next()
        assert 100 <= asyncio.get_running_loop().time() < 101

    run(body())


def test_connecting_takes_no_longer_than_its_time_out():
    async def body():
        async def hang(host, port):
            await asyncio.sleep(1000)

        with patch("asyncio.open_connection", hang):
            client = Client("tcp://1.2.3.4:5000")
            async with running(client):
                assert await client.events.next() == ("failure", asyncio.TimeoutError)
                assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)

    run(body())


def test_a_host_that_does_not_exist_is_a_failure():
    async def body():
        async def fail(*_, **__):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with patch.object(asyncio.get_running_loop(), "getaddrinfo", fail):
            client = Client("tcp://no.such.host:5000")
            async with running(client):
                assert await client.events.next() == ("failure", socket.gaierror)

    run(body())


def test_keeps_a_connection_alive_while_the_server_answers():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            async with running(client):
                reader, writer = await listener.accept()
                times = []
                for _ in range(6):
                    assert await reader.readexactly(4) == PING
                    times.append(asyncio.get_running_loop().time())
                    writer.write(PONG)
                assert times == pytest.approx([0, 2, 4, 6, 8, 10], abs=0.1)
                assert client.connected

    run(body())


def test_reconnects_when_pongs_are_missing():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                assert await reader.read() == CONNECT_REQ + PING + PING
                assert asyncio.get_running_loop().time() == pytest.approx(4, abs=0.1)
                reader, writer = await listener.accept()
                assert await reader.readexactly(12) == CONNECT_REQ
                assert 4.5 < asyncio.get_running_loop().time() < 5.1
            assert client.events.all[:4] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.KEEP_ALIVE_TIMEOUT),
                ("connected",),
            ]

    run(body())


def test_the_originals_interval_argument_sets_ping_and_time_out():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, 1, 7)
            assert client.options == ClientOptions(
                ping_interval=1, pong_timeout=2, connect_timeout=7
            )
            async with running(client):
                reader, _ = await listener.accept()
                assert await reader.read() == CONNECT_REQ + PING + PING
                assert asyncio.get_running_loop().time() == pytest.approx(2, abs=0.1)

    run(body())


def test_pings_go_out_on_time_when_much_is_queued():
    async def body():
        options = ClientOptions(max_pending_bytes=64 * 1024 * 1024)
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=options)
            async with running(client):
                reader, writer = await listener.accept()
                assert await reader.readexactly(4) == PING
                await client.events.until("connected")
                message = chat_pb2.MessageInd(text="x" * 60_000)
                for _ in range(500):
                    client.send(message)
                await asyncio.sleep(0)
                queued = client.pending_bytes
                assert queued > 10_000_000
                writer.write(PONG)
                await asyncio.sleep(2.1)
                # Nothing was read since, so the ping stands where the transport's buffer ended.
                frames_before_ping = 0
                while (header := await reader.readexactly(4)) != PING:
                    await reader.readexactly(int.from_bytes(header[1:], "big"))
                    frames_before_ping += 1
                in_kernel = 500 - queued // 60_000
                assert frames_before_ping <= in_kernel + 4

    run(body())


def test_server_closes_and_the_client_reconnects():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                writer.close()
                await listener.accept()
                await client.events.until("disconnected", DisconnectReason.CONNECTION_CLOSED)
                await client.events.until("connected")
            # What had come before the end was delivered before the end was told.
            assert client.events.all[:4] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", DisconnectReason.CONNECTION_CLOSED),
                ("connected",),
            ]

    run(body())


@pytest.mark.parametrize(
    ("up_seconds", "pong", "at_least", "at_most"),
    [(11, PONG, 0.0, 0.2), (1, PONG, 0.5, 1.0), (1, b"", 0.5, 1.0)],
)
def test_the_first_retry_is_quick_after_a_connection_that_had_settled(
    up_seconds, pong, at_least, at_most
):
    async def body():
        loop = asyncio.get_running_loop()
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                while loop.time() < up_seconds:
                    await reader.read(100)
                    writer.write(pong)
                lost_at = loop.time()
                writer.close()
                await listener.accept()
                assert at_least <= loop.time() - lost_at <= at_most + 0.1

    run(body())


def test_backoff_grows_over_connections_that_never_prove_themselves():
    async def body():
        loop = asyncio.get_running_loop()
        delays = []
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                for _ in range(8):
                    _, writer = await listener.accept()
                    writer.close()
                    lost_at = loop.time()
                    reader, writer = await listener.accept()
                    delays.append(loop.time() - lost_at)
                    writer.close()
                    lost_at = loop.time()
                assert sum(delays[-2:]) > 8

    run(body())


@pytest.mark.parametrize("cut", range(1, len(CONNECT_RSP)))
def test_a_message_cut_by_a_disconnect_does_not_spoil_the_next_connection(cut):
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP[:cut])
                await asyncio.sleep(0.1)
                writer.close()
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("connect_rsp")

    run(body())


def test_a_message_that_comes_in_pieces_is_delivered_once():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                for byte in CONNECT_RSP:
                    writer.write(bytes((byte,)))
                    await asyncio.sleep(1)
                await client.events.until("connect_rsp")
            assert client.events.all.count(("connect_rsp",)) == 1

    run(body())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x02\x00\x00\x01\x0a", DisconnectReason.MESSAGE_DECODE_ERROR),
        (b"\x02\x10\x00\x01", DisconnectReason.MESSAGE_TOO_BIG),
        (b"\x04\x00\x00\x01x", DisconnectReason.PROTOCOL_ERROR),
    ],
)
def test_what_the_server_must_not_send_ends_the_connection(data, reason):
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                writer.write(CONNECT_RSP + data + CONNECT_RSP)
                await client.events.until("disconnected", reason)
                assert await is_closed(reader)
            assert client.events.all[:3] == [
                ("connected",),
                ("connect_rsp",),
                ("disconnected", reason),
            ]

    run(body())


def test_unknown_frames_and_members_do_not_end_the_connection():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(b"\x05\x00\x00\x02xx" + b"\x02\x00\x00\x02\x7a\x00" + CONNECT_RSP)
                await client.events.until("connect_rsp")
            assert ("unknown", 15) in client.events.all

    run(body())


def test_too_big_a_message_is_not_sent_and_a_smaller_one_after_it_is():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None)
            async with running(client):
                reader, _ = await listener.accept()
                await client.events.until("connected")
                client.send(chat_pb2.MessageInd(text="x" * 1024 * 1024))
                client.send(chat_pb2.MessageInd(text="lost with the connection"))
                await client.events.until("disconnected", DisconnectReason.MESSAGE_TOO_BIG)
                assert await reader.read() in (b"", PING)
                reader, _ = await listener.accept()
                await client.events.until("connected")
                client.send(chat_pb2.MessageInd(text="hi"))
                assert await read_user_messages(reader, 1) == [b"\x12\x04\x12\x02hi"]

    run(body())


def test_what_is_sent_without_a_connection_is_dropped():
    client = Client("tcp://127.0.0.1:1")
    client.send(chat_pb2.ConnectReq())
    assert client.pending_bytes == 0


def test_a_wrong_uri_or_option_is_told_at_once():
    with pytest.raises(ValueError, match="the scheme is unknown"):
        Client("udp://127.0.0.1:1")
    with pytest.raises(ValueError, match="port 0 cannot be connected to"):
        Client("tcp://127.0.0.1:0")
    with pytest.raises(ValueError, match="max_payload_size is 1 to 16777215, but got 16777216"):
        ClientOptions(max_payload_size=1 << 24)
    for option in ("ping_interval", "pong_timeout", "connect_timeout"):
        for seconds in (-1, math.nan):
            with pytest.raises(ValueError, match=f"{option} is 0 or more seconds, but got"):
                ClientOptions(**{option: seconds})
    with pytest.raises(ValueError, match="quick is 0 or more seconds, but got -1"):
        BackoffSettings(quick=-1)


def test_a_client_without_ping_interval_does_not_ping():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=ClientOptions(ping_interval=0))
            async with running(client):
                reader, _ = await listener.accept()
                assert await reader.read() == b""
                assert asyncio.get_running_loop().time() == pytest.approx(4, abs=0.1)

    run(body())


def test_times_may_be_infinite():
    async def body():
        never = ClientOptions(
            ping_interval=math.inf,
            pong_timeout=math.inf,
            connect_timeout=math.inf,
            backoff=BackoffSettings(settled=math.inf),
        )
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=never)
            async with running(client):
                reader, writer = await listener.accept()
                assert await reader.readexactly(4) == PING
                await asyncio.sleep(1000)
                writer.write(PONG + CONNECT_RSP)
                await client.events.until("connect_rsp")
                assert client.connected

    run(body())


def test_every_address_of_a_host_is_tried_although_the_first_does_not_answer():
    open_connection = asyncio.open_connection

    async def open_some(host, port):
        if host == "192.0.2.1":
            await asyncio.sleep(1000)
        return await open_connection(host, port)

    async def body():
        async with Listener() as listener:
            port = int(listener.uri.rpartition(":")[2])
            client = Client(f"tcp://some.host:{port}")
            with (
                addresses("192.0.2.1", "127.0.0.1"),
                patch("asyncio.open_connection", open_some),
            ):
                async with running(client):
                    assert await client.events.next() == ("connected",)
                    assert asyncio.get_running_loop().time() == pytest.approx(0.25, abs=0.1)

    run(body())


def test_a_host_that_refuses_at_every_address_has_refused():
    tried = []

    async def refuse(host, port):
        tried.append(host)
        raise ConnectionRefusedError(f"not at {host}")

    async def body():
        with addresses("::1", "127.0.0.1"), patch("asyncio.open_connection", refuse):
            client = Client("tcp://some.host:5000")
            async with running(client):
                assert await client.events.next() == ("failure", ConnectionRefusedError)
        assert tried == ["::1", "127.0.0.1"]

    run(body())


def test_what_the_system_takes_at_once_does_not_count_as_pending():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri, user=None, options=ClientOptions(max_pending_bytes=1000))
            async with running(client):
                reader, _ = await listener.accept()
                await client.events.until("connected")
                for _ in range(5):
                    client.send(chat_pb2.MessageInd(text="x" * 600))
                assert len(await read_user_messages(reader, 5)) == 5
                assert client.connected

    run(body())


def test_a_server_that_does_not_read_ends_the_connection_at_the_bound():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                await listener.accept()
                await client.events.until("connected")
                sent = 0
                message = chat_pb2.MessageInd(text="x" * 100_000)
                while client.connected:
                    assert client.pending_bytes <= 16 * 1024 * 1024
                    client.send(message)
                    sent += 100_000
                    await asyncio.sleep(0)
                assert sent > 16 * 1024 * 1024
                await client.events.until("disconnected", DisconnectReason.SLOW_READER)

    run(body())


def test_the_client_hears_when_there_is_room_again():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await client.events.until("connected")
                message = chat_pb2.MessageInd(text="x" * 100_000)
                while client.pending_bytes <= 8 * 1024 * 1024:
                    client.send(message)
                    await asyncio.sleep(0)
                assert ("writable",) not in client.events.all
                writer.write(PONG)
                reading = asyncio.ensure_future(is_closed(reader))
                await client.events.until("writable")
                assert client.pending_bytes <= 8 * 1024 * 1024
            await reading

    run(body())


def test_stop_in_a_hook_stops():
    class StopsWhenConnected(Client):
        async def on_connected(self):
            await super().on_connected()
            self.stop()

    async def body():
        async with Listener() as listener:
            client = StopsWhenConnected(listener.uri)
            client.start()
            await client.wait_stopped()
            assert client.events.all == [
                ("connected",),
                ("disconnected", DisconnectReason.STOPPED),
            ]
            # What was sent before is written all the same.
            reader, _ = await listener.accept()
            assert await reader.read() == CONNECT_REQ

    run(body())


def test_stop_and_start_in_a_hook_connects_anew():
    class Restarts(Client):
        async def on_connect_rsp(self, message):
            await super().on_connect_rsp(message)
            self.stop()
            self.start()

    async def body():
        async with Listener() as listener:
            client = Restarts(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP + CONNECT_RSP)
                await listener.accept()
                await client.events.until("disconnected", DisconnectReason.STOPPED)
                await client.events.until("connected")
            # Nothing of the first connection came after the stop.
            assert client.events.all.count(("connect_rsp",)) == 1

    run(body())


@pytest.mark.parametrize("when", [0.0, 0.5])
def test_stop_while_connecting_or_waiting_is_at_once(when):
    async def body():
        async def fail(host, port):
            await asyncio.sleep(0.1)
            raise ConnectionRefusedError

        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000")
            client.start()
            await asyncio.sleep(when)
            client.stop()
            await client.wait_stopped()
            assert asyncio.get_running_loop().time() <= when + 0.1
            assert ("connected",) not in client.events.all

    run(body())


def test_a_hook_that_fails_ends_the_connection_and_is_logged(caplog):
    class Fails(Client):
        async def on_connect_rsp(self, message):
            raise RuntimeError("as it should")

    async def body():
        async with Listener() as listener:
            client = Fails(listener.uri)
            async with running(client):
                _, writer = await listener.accept()
                writer.write(CONNECT_RSP)
                await client.events.until("disconnected", DisconnectReason.GENERAL_ERROR)
                await listener.accept()

    run(body())
    assert "RuntimeError: as it should" in caplog.text


def test_a_slow_hook_delays_messages_but_not_the_keepalive():
    class Slow(Client):
        async def on_connect_rsp(self, message):
            await asyncio.sleep(20)
            await super().on_connect_rsp(message)

    async def body():
        async with Listener() as listener:
            client = Slow(listener.uri)
            async with running(client):
                reader, writer = await listener.accept()
                await reader.readexactly(12)
                writer.write(CONNECT_RSP + CONNECT_RSP)
                for _ in range(21):
                    assert await reader.readexactly(4) == PING
                    writer.write(PONG)
                await client.events.until("connect_rsp")
                await client.events.until("connect_rsp")
                assert client.connected

    run(body())


@pytest.mark.parametrize("late", [0, 0.1])
def test_a_hook_that_never_catches_up_stops_the_reading(late):
    class Stuck(Client):
        async def on_message_ind(self, message):
            await asyncio.sleep(10_000)

    open_connection = asyncio.open_connection

    async def open_late(host, port):
        # Much has come before the client takes the connection over.
        streams = await open_connection(host, port)
        await asyncio.sleep(late)
        return streams

    async def body():
        options = ClientOptions(max_payload_size=1024 * 1024)
        async with Listener() as listener:
            client = Stuck(listener.uri, options=options)
            client.start()
            with patch("asyncio.open_connection", open_late):
                streams = await listener.accept()
            async with running(client):
                _, writer = streams
                payload = chat_pb2.ServerToClient(
                    message_ind=chat_pb2.MessageInd(text="x" * 10_000)
                ).SerializeToString()
                frame = b"\x02" + len(payload).to_bytes(3, "big") + payload
                for _ in range(2_000):
                    writer.write(frame)
                await asyncio.sleep(10)
                assert writer.transport.get_write_buffer_size() > 1_000_000
                assert client._messi_driver.link._inbox_bytes < 1_000_000
                # Silence is not the server's fault.
                assert client.connected
                client.stop()
                writer.transport.abort()
                client._messi_driver._task.cancel()

    run(body())


def test_hooks_of_the_original_without_a_reason_are_called_without():
    class Original(Client):
        async def on_disconnected(self):
            self.events.add("disconnected")

    async def body():
        async with Listener() as listener:
            client = Original(listener.uri)
            client.start()
            await listener.accept()
            await client.events.until("connected")
            client.stop()
            await client.events.until("disconnected")

    run(body())


def test_prepared_messages_are_sent_as_in_the_original():
    class Original(Client):
        async def on_connected(self):
            message = self.init_connect_req()
            message.user = "Erik"
            self.send()
            self.init_message_ind().text = "hi"
            self.send()
            self.send()

    async def body():
        async with Listener() as listener:
            async with running(Original(listener.uri)):
                reader, _ = await listener.accept()
                assert await read_user_messages(reader, 3) == [
                    CONNECT_REQ[4:],
                    b"\x12\x04\x12\x02hi",
                    b"\x12\x04\x12\x02hi",
                ]

    run(body())


def test_send_without_a_message_needs_a_prepared_one():
    with pytest.raises(RuntimeError, match="init_<message>"):
        Client("tcp://127.0.0.1:1").send()


def test_unix_sockets_and_ipv6_connect(tmp_path):
    async def body():
        for uri in (f"unix://{tmp_path}/chat", "tcp://[::1]:0"):
            server = Server(uri)
            await server.start()
            client = Client(server.uri)
            async with running(client):
                await client.events.until("connect_rsp")
                assert server.clients[0].peer_address.startswith(("unix", "[::1]:"))
            server.stop()
            await server.wait_stopped()

    run(body())


def test_the_backoff_is_the_one_of_the_options():
    async def body():
        async def fail(host, port):
            raise ConnectionRefusedError

        options = ClientOptions(backoff=BackoffSettings(initial=100.0, max=100.0))
        with patch("asyncio.open_connection", fail):
            client = Client("tcp://1.2.3.4:5000", options=options)
            async with running(client):
                await client.events.next()
                await client.events.next()
        assert 50 <= asyncio.get_running_loop().time() <= 100.1

    run(body())


def test_ending_the_program_ends_the_connection():
    async def body():
        async with Listener() as listener:
            client = Client(listener.uri)
            client.start()
            reader, _ = await listener.accept()
            await client.events.until("connected")
            client._messi_driver._task.cancel()
            assert await is_closed(reader)

    run(body())
