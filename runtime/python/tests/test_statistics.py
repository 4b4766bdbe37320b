"""What is counted, and how it is shown."""

import asyncio
import contextlib
import gc
import pathlib
import re
import shutil
import subprocess

import calls_pb2
import pytest
from session_support import QUICK, Proxy
from support import CONNECT_REQ, HI, PING, Client, Server, raw_client, running
from test_calls import NAMED, SESSION, CallError, echo, pair
from virtual_time import run

from messi_runtime import (
    CallEnd,
    ClientOptions,
    DisconnectReason,
    DurationHistogram,
    Metrics,
    MetricsFormat,
    MetricsServer,
    ServerOptions,
    SlowReader,
    Statistics,
    StatusCode,
)
from messi_runtime.observed_stream import FrameCounter

ROOT = pathlib.Path(__file__).resolve().parents[3]


def counted(kind, **more):
    return kind(statistics=Statistics(), **more)


def test_who_came_and_went_is_counted_on_both_sides():
    async def body():
        server = Server(options=counted(ServerOptions))
        theirs = server.options.statistics
        async with running(server):
            client = Client(server.uri, options=counted(ClientOptions))
            ours = client.options.statistics
            async with running(client):
                await client.events.until("connect_rsp")
                for its in ours, theirs:
                    assert (its.connects, its.connections, its.reconnects) == (1, 1, 0)
            await server.events.until("disconnected", 1, DisconnectReason.CONNECTION_CLOSED)
        assert ours.disconnects[DisconnectReason.STOPPED] == 1
        assert theirs.disconnects[DisconnectReason.CONNECTION_CLOSED] == 1
        assert (ours.connections, theirs.connections) == (0, 0)
        assert ours.sent_frames["message"] == theirs.received_frames["message"] == 1
        assert ours.received_frames["message"] == theirs.sent_frames["message"] == 1
        assert ours.sent_bytes == theirs.received_bytes

    run(body())


def test_reconnects_and_failures_are_counted():
    async def body():
        server = Server()
        client = Client("tcp://127.0.0.1:1", options=counted(ClientOptions, backoff=QUICK))
        its = client.options.statistics
        async with running(client):
            await client.events.until("failure", ConnectionRefusedError)
            assert its.connect_failures == 1
        async with running(server):
            client = Client(server.uri, options=ClientOptions(statistics=its, backoff=QUICK))
            async with running(client):
                for _ in range(2):
                    await client.events.until("connect_rsp")
                    server.clients[0].disconnect_now()
                await client.events.until("connect_rsp")
        assert (its.connects, its.reconnects) == (3, 2)

    run(body())


def test_refusals_are_counted_by_reason():
    async def body():
        server = Server(options=counted(ServerOptions, max_clients=1))
        async with running(server), raw_client(server) as (_, writer):
            writer.write(CONNECT_REQ)
            await server.events.until("connect_req", 1, "Erik")
            async with raw_client(server) as (reader, _):
                await reader.read()
        refusals = server.options.statistics.refusals
        assert refusals[DisconnectReason.TOO_MANY_CLIENTS] == 1
        assert sum(refusals.values()) == 1

    run(body())


def test_broadcasts_that_are_left_out_are_counted():
    async def body():
        options = counted(
            ServerOptions, slow_reader=SlowReader.DROP_NEWEST, max_pending_bytes=4_000
        )
        server = Server(options=options)
        its = options.statistics
        async with running(server), raw_client(server) as (_, writer):
            writer.write(CONNECT_REQ)
            await server.events.until("connect_req", 1, "Erik")
            message = HI.__class__(text="x" * 1000)
            while its.dropped_broadcasts == 0:
                server.broadcast(message)
            assert its.dropped_broadcasts == server.clients[0].dropped_broadcasts
            assert its.pending_bytes == server.clients[0].pending_bytes > 0
            server.stop_now()
        assert its.dropped_broadcasts == 1

    run(body())


def test_sessions_are_counted():
    async def body():
        ours, theirs = Statistics(), Statistics()
        async with pair(SESSION, {"statistics": ours}, statistics=theirs) as (client, server):
            async with Proxy(server.port) as proxy:
                through = type(client)(proxy.uri, SESSION, statistics=ours)
                async with running(through):
                    await through.events.until("connected")
                    assert ours.connections == 2
                    proxy.cut()
                    await through.events.until("detached")
                    assert ours.detached == 1
                    await through.events.until("resumed")
                    assert await through.text_of("still here") == "still here"
                    for its in ours, theirs:
                        assert (its.detaches, its.resumes, its.detached) == (1, 1, 0)
                        assert its.connects == 2

    run(body())


def test_calls_are_counted_by_how_they_end():
    async def body():
        ours, theirs = Statistics(), Statistics()
        async with pair(NAMED, {"statistics": ours}, statistics=theirs) as (client, server):
            await client.text_of("hello")
            server.keeps = True
            for name in "failed", "dropped":
                call = asyncio.create_task(client.text_of(name))
                await server.events.until("kept", name)
                responder = server.later.pop()
                if name == "failed":
                    responder.fail(StatusCode.NOT_FOUND)
                del responder
                gc.collect()
                with pytest.raises(CallError):
                    await call
            with pytest.raises(CallError):
                await client.text_of("slow", 1)
            call = asyncio.create_task(client.text_of("not wanted"))
            await server.events.until("kept", "not wanted")
            call.cancel()
            await asyncio.wait({call})
            while not all(each.cancelled for each in server.later):
                await asyncio.sleep(0)
            for responder in server.later:
                responder.reply(calls_pb2.EchoRsp(text="late"))
            call = asyncio.create_task(client.text_of("lost"))
            await server.events.until("kept", "lost")
            server.clients[0].disconnect_now()
            with pytest.raises(CallError):
                await call
        with pytest.raises(CallError):
            await client.call_echo_req(echo("not sent"), 1)
        assert ours.calls == {
            CallEnd.ANSWERED: 1,
            CallEnd.FAILED: 2,
            CallEnd.TIMED_OUT: 1,
            CallEnd.CANCELLED: 1,
            CallEnd.LOST: 1,
            CallEnd.NOT_SENT: 1,
        }
        assert theirs.served_calls[CallEnd.ANSWERED] == 1
        assert theirs.served_calls[CallEnd.FAILED] == 2
        assert theirs.served_calls[CallEnd.CANCELLED] == 2
        assert sum(ours.call_duration.buckets) == 3

    run(body())


@pytest.mark.parametrize("size", [1, 3, 4, 5, 1000])
def test_frames_are_counted_however_they_are_cut(size):
    counts = dict.fromkeys(Statistics().sent_frames, 0)
    counter = FrameCounter(counts)
    data = PING + CONNECT_REQ + b"\x0a\x00\x00\x00" + b"\x63\x00\x01\x00" + bytes(256) + PING
    for at in range(0, len(data), size):
        counter.handle(data[at : at + size])
    assert {name: count for name, count in counts.items() if count} == {
        "ping": 2,
        "message": 1,
        "call": 1,
        "unknown": 1,
    }


def test_a_duration_is_in_the_first_bucket_whose_bound_it_does_not_exceed():
    histogram = DurationHistogram()
    for duration in 0.0, 0.0001, 0.00011, 3.0, 10.1:
        histogram.observe(duration)
    assert histogram.buckets == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1]


def test_the_metrics_are_those_of_cpp():
    source = (ROOT / "runtime/messi/metrics.h").read_text(encoding="utf-8")
    written = re.findall(
        r'out\.(gauge|counter|histogram)\("(\w+)",\s*(?:"\w*",\s*)?"([^"]+)"', source
    )
    text = Metrics().text(MetricsFormat.OPEN_METRICS)
    helps = dict(re.findall(r"^# HELP (\w+) (.*)$", text, re.MULTILINE))
    kinds = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    assert [(kind, name, helps[name]) for name, kind in kinds] == written
    bounds = re.findall(
        r'\), "([\d.]+)"}', (ROOT / "runtime/messi/calls/call_counts.h").read_text()
    )
    assert list(map(str, DurationHistogram.BOUNDS)) == bounds


def test_statistics_of_one_name_are_added_up_and_names_are_escaped():
    metrics = Metrics()
    for _ in range(2):
        statistics = Statistics()
        statistics.connects = 2
        statistics.disconnects[DisconnectReason.SLOW_READER] = 1
        statistics.call_duration.observe(2.0)
        metrics.add('a "b"\\\n', statistics)
    lines = metrics.text().splitlines()
    name = 'name="a \\"b\\"\\\\\\n"'
    assert f"messi_connects_total{{{name}}} 4" in lines
    assert f'messi_disconnects_total{{{name},reason="slow_reader"}} 2' in lines
    assert f'messi_call_duration_seconds_bucket{{{name},le="3.0"}} 2' in lines
    assert f"messi_call_duration_seconds_sum{{{name}}} 4.000000000" in lines
    assert "# UNIT messi_sent_bytes bytes" in lines
    assert lines[-1] == "# EOF"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
def test_promtool_finds_nothing_wrong():
    metrics = Metrics()
    metrics.add("server", Statistics())
    text = metrics.text(MetricsFormat.PROMETHEUS)
    subprocess.run(["promtool", "check", "metrics"], input=text.encode(), check=True)


async def ask(server, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.decode()


def test_metrics_are_served_by_http():
    async def body():
        metrics = Metrics()
        metrics.add("server", Statistics())
        server = MetricsServer("tcp://127.0.0.1:0", metrics)
        await server.start()
        answer = await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")
        head, _, text = answer.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
        assert text == metrics.text(MetricsFormat.PROMETHEUS)
        assert f"Content-Length: {len(text)}" in head
        newer = b"GET /metrics?x HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n"
        assert (await ask(server, newer)).endswith("# EOF\n")
        assert (await ask(server, b"HEAD /metrics HTTP/1.1\r\n\r\n")).endswith("\r\n\r\n")
        for request, status in [
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"PUT /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"nonsense\r\n\r\n", "400"),
            (b"x" * 5000, "431"),
        ]:
            assert (await ask(server, request)).startswith(f"HTTP/1.1 {status}")
        server.stop()
        assert server.port == 0

    run(body())


def test_who_is_slow_or_many_does_not_keep_metrics_from_others():
    async def body():
        server = MetricsServer("tcp://127.0.0.1:0", Metrics())
        await server.start()
        many = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(20)]
        assert (await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")).startswith("HTTP/1.1 200")
        for reader, writer in many:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""  # the oldest at once, the others in time
            writer.close()
        server.stop()

    run(body())
