"""Servers and clients on a day on which all goes wrong, at random: afterwards nothing is left, and
every client has had its hooks in order."""

import asyncio
import contextlib
import logging
import random
import socket

import chat_pb2
import pytest
from support import CONNECT_REQ, PING, Client, Server
from virtual_time import run

from messi_runtime import (
    BackoffSettings,
    ClientOptions,
    DisconnectReason,
    ServerOptions,
    SlowReader,
)


class BadDay(Exception):
    pass


class Chance:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def __call__(self, one_in):
        return self.random.randrange(one_in) == 0

    async def trouble(self):
        """What hooks do: return at once, wait, or raise."""
        if self(4):
            await asyncio.sleep(self.random.choice([0, 0.01, 1, 7]))
        if self(20):
            raise BadDay


class WildServer(Server):
    """Writes down the hooks of each client."""

    def __init__(self, chance, **kwargs):
        super().__init__(**kwargs)
        self.chance = chance
        self.lives = {}  # by client
        self.refused = 0

    def wild(self, client=None):
        """Any call, at any time."""
        choice = self.chance.random.randrange(14)
        if choice == 0:
            self.stop()
        elif choice == 1:
            self.stop_now()
        elif choice in (2, 3):
            self.drain(self.chance.random.choice([0, 0.1, 5, 50]))
        elif client is not None:
            call = self.chance.random.choice(
                ["disconnect", "disconnect_now", "pause", "resume", "accept", "refuse"]
            )
            getattr(client, call)()

    async def enter(self, what, client):
        self.lives.setdefault(client, []).append(what)
        if self.chance(10):
            self.wild(client)
        await self.chance.trouble()

    async def on_client_arriving(self, peer_address):
        await self.chance.trouble()
        return not self.chance(10)

    async def on_authenticate(self, client):
        if self.chance(3):
            asyncio.get_running_loop().call_later(self.chance.random.random() * 8, client.accept)
        elif self.chance(10):
            client.refuse("no")
        else:
            client.accept()
        await self.enter("asked", client)

    async def on_client_connected(self, client):
        await self.enter("connected", client)

    async def on_connect_req(self, client, message):
        await self.enter("message", client)
        self.reply(chat_pb2.ConnectRsp())

    async def on_message_ind(self, client, message):
        await self.enter("message", client)
        self.broadcast(message)

    async def on_client_writable(self, client):
        await self.enter("writable", client)

    async def on_client_behind(self, client):
        await self.enter("behind", client)

    async def on_client_disconnected(self, client, reason):
        assert isinstance(reason, DisconnectReason)
        assert not client.connected
        await self.enter("disconnected", client)

    async def on_client_refused(self, peer_address, reason):
        self.refused += 1
        await self.chance.trouble()


class WildClient(Client):
    def __init__(self, chance, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.chance = chance
        self.life = []

    async def enter(self, what):
        self.life.append(what)
        if self.chance(15):
            getattr(self, self.chance.random.choice(["stop", "stop_now", "pause", "resume"]))()
        await self.chance.trouble()

    async def on_connected(self):
        self.send(chat_pb2.ConnectReq(user="Erik"))
        await self.enter("connected")

    async def on_message_ind(self, message):
        await self.enter("message")

    async def on_connect_rsp(self, message):
        self.send(chat_pb2.MessageInd(text="x" * self.chance.random.choice([1, 10_000, 100_000])))
        await self.enter("message")

    async def on_disconnected(self, reason):
        self.life.append("disconnected")
        await self.chance.trouble()

    async def on_connect_failure(self, exception):
        await self.chance.trouble()
        return 0.5


async def be_a_peer(chance, port):
    """A peer that speaks bytes, and hardly ever reads."""
    with socket.socket() as peer:
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await loop.sock_connect(peer, ("127.0.0.1", port))
            for _ in range(chance.random.randrange(8)):
                await asyncio.sleep(chance.random.choice([0, 0.01, 1, 3]))
                what = chance.random.randrange(8)
                if what == 0:
                    peer.send(chance.random.randbytes(20))
                elif what == 1:
                    peer.send(PING * chance.random.choice([1, 200]))
                elif what == 2:
                    peer.send(CONNECT_REQ[: chance.random.randrange(len(CONNECT_REQ))])
                elif what == 3:
                    peer.shutdown(socket.SHUT_WR)
                elif what == 4:
                    peer.recv(1000)
                elif what == 5 and chance(2):
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01" + bytes(7))
                    return
                else:
                    peer.send(CONNECT_REQ)
            await asyncio.sleep(chance.random.random() * 5)


def check(life):
    """The hooks of one client, in order."""
    assert life.count("asked") == 1
    assert life[0] == "asked"
    assert life.count("connected") <= 1
    if "connected" in life:
        assert life[1] == "connected"
        assert life[-1] == "disconnected"
        assert life.count("disconnected") == 1
    else:
        assert life == ["asked"]


@pytest.mark.parametrize("seed", range(3))
def test_a_day_on_which_all_goes_wrong(seed, caplog):
    caplog.set_level(logging.ERROR, "asyncio")
    chance = Chance(seed)

    async def body():
        loop = asyncio.get_running_loop()
        tasks_before = asyncio.all_tasks()
        server = WildServer(
            chance,
            options=ServerOptions(
                max_clients=chance.random.choice([3, 100]),
                max_pending_bytes=200_000,
                max_total_pending_bytes=chance.random.choice([300_000, 10_000_000]),
                slow_reader=chance.random.choice(list(SlowReader)),
                linger=chance.random.choice([0, 1, 5]),
                max_accepts_per_second=chance.random.choice([2, 1000]),
            ),
        )
        await server.start()
        backoff = BackoffSettings(initial=0.1, max=1)
        clients = [
            WildClient(chance, server.uri, options=ClientOptions(backoff=backoff)) for _ in range(5)
        ]
        for client in clients:
            client.start()
        peers = []
        for _ in range(40):
            await asyncio.sleep(chance.random.choice([0, 0, 0.01, 0.5]))
            if server.port:
                peers.append(asyncio.ensure_future(be_a_peer(chance, server.port)))
            if chance(3):
                server.broadcast(chat_pb2.MessageInd(text="x" * chance.random.choice([1, 60_000])))
            if chance(8):
                server.wild(chance.random.choice([None, *server.clients]))
            if chance(3):
                with contextlib.suppress(OSError):
                    await server.start()
            if chance(4):
                client = chance.random.choice(clients)
                getattr(client, chance.random.choice(["start", "start", "stop", "stop_now"]))()
        end = chance.random.choice(["stop", "stop_now", "drain"])
        server.drain(10) if end == "drain" else getattr(server, end)()
        began = loop.time()
        await server.wait_stopped()
        for client in clients:
            client.resume()
            client.stop()
        for client in clients:
            await client.wait_stopped()
        for peer in peers:
            await peer
        # Hooks may have taken their time, one after the other.
        assert loop.time() - began < 1000
        for life in server.lives.values():
            check(life)
        for client in clients:
            assert client.life.count("connected") == client.life.count("disconnected")
        driver = server._messi_driver
        assert driver._total.bytes == 0
        assert not driver._links and not driver._tasks and not driver._present
        assert not driver.clients
        assert asyncio.all_tasks() == tasks_before

    run(body())
    assert [each for each in caplog.records if each.name == "asyncio"] == []
