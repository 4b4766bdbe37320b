"""One end of kill_run in Python, as peer.cc is in C++.

usage: peer.py client|server URI PARCELS HISTORY [--ca FILE] [--cert FILE] [--key FILE]
"""

import argparse
import asyncio
import math
import signal

import parcels
from kill_run_client import KillRunClient
from kill_run_pb2 import ParcelInd, SessionInd
from kill_run_server import KillRunServer
from messi_runtime import BackoffSettings, ClientOptions, SendResult, ServerOptions, SessionMode, TlsConfig
from messi_runtime.history import History

MAX_PENDING_BYTES = 256 * 1024  # so that senders have to wait
MOST_IN_A_TURN = 50


def say(*words):
    print(*words, flush=True)


class Traffic:
    """What this end sends and receives, over all sessions, and what it is told of them."""

    def __init__(self, arguments):
        self.history = History(arguments.history, arguments.role, messages_per_line=1000)
        self.arrivals = parcels.Arrivals()
        self._to_send = arguments.parcels
        self._sent = self._detached = self._replayed = 0
        self._sending = asyncio.Event()

    @property
    def complete(self):
        return self._sent == self._to_send == self.arrivals.last and not self.arrivals.missing

    def go_on(self):
        self._sending.set()

    async def send(self, receiver, handle_complete):
        """Sends whenever `receiver` gives a key and somebody to send to."""
        while True:
            await self._sending.wait()
            self._sending.clear()
            while (to := receiver()) is not None and self._send_some(*to):
                await asyncio.sleep(0)
            if self.complete:
                handle_complete()

    def _send_some(self, key, to):
        for _ in range(MOST_IN_A_TURN):
            if self._sent == self._to_send:
                return False
            content = parcels.make(self._sent + 1)
            self.history.sending(key, content)
            if to.try_send_parcel_ind(ParcelInd(content=content)) is not SendResult.OK:
                self.history.not_sent(key)
                return False
            self._sent += 1
        return True

    async def tell_progress(self):
        while True:
            say("at", self._sent + self.arrivals.last)
            await asyncio.sleep(0.2)

    def handle_parcel(self, key, parcel):
        self.history.dispatched(key, parcel.content)
        self.arrivals.note(parcels.number_of(parcel.content))

    def handle_detached(self, key, reason):
        self.history.detached(key, reason)
        self._detached += 1

    def handle_resumed(self, key, replayed):
        self.history.resumed(key, replayed)
        self._replayed += replayed

    def handle_lost(self, key, loss):
        self.history.lost(key, loss.first_unacked, loss.last_accepted, loss.peer_handled, loss.reason)

    def handle_end(self, key, unacknowledged, reason):
        self.history.unacknowledged(key, unacknowledged)
        self.history.disconnected(key, reason)

    def report(self):
        self.history.close()
        arrivals = self.arrivals
        say("result sent", self._sent, "received", arrivals.last, "lost", len(arrivals.missing), "duplicated", arrivals.duplicated,
            "reordered", arrivals.reordered, "changed", arrivals.changed, "detached", self._detached, "replayed", self._replayed)


class Client(KillRunClient):
    def __init__(self, arguments, traffic):
        super().__init__(arguments.uri, options=ClientOptions(
            session=SessionMode.REQUIRED, ping_interval=0.15, pong_timeout=0.5, connect_timeout=1,
            backoff=BackoffSettings(initial=0.002, quick=0.002, max=0.05), max_pending_bytes=MAX_PENDING_BYTES, linger=60,
            tls=TlsConfig(ca=arguments.ca)))
        self._traffic = traffic
        self._sessions = 0

    def receiver(self):
        return (0, self) if self.connected else None

    def handle_complete(self):
        self.stop()

    async def on_connected(self):
        self._sessions += 1
        name = f"session-{self._sessions}"
        self._traffic.history.connected(0)
        self._traffic.history.named(0, name)
        self._traffic.history.sending(0, name.encode())
        self.send(SessionInd(name=name))
        self._traffic.go_on()

    async def on_parcel_ind(self, message):
        self._traffic.handle_parcel(0, message)
        if self._traffic.complete:
            self.handle_complete()

    async def on_writable(self):
        self._traffic.go_on()

    async def on_detached(self, reason):
        self._traffic.handle_detached(0, reason)

    async def on_resumed(self, replayed):
        self._traffic.handle_resumed(0, replayed)
        self._traffic.history.unacknowledged(0, self.unacknowledged)

    async def on_session_lost(self, loss):
        self._traffic.handle_lost(0, loss)
        say("lost:", loss.reason)

    async def on_disconnected(self, reason):
        self._traffic.handle_end(0, self.unacknowledged, reason)


class Server(KillRunServer):
    def __init__(self, arguments, traffic):
        super().__init__(arguments.uri, options=ServerOptions(
            session=SessionMode.REQUIRED, client_timeout=1, max_pings_per_second=math.inf, max_pending_bytes=MAX_PENDING_BYTES,
            tls=TlsConfig(certificate=arguments.cert, key=arguments.key)))
        self._traffic = traffic
        self._client = None

    def receiver(self):
        return None if self._client is None else (self._client.id, self._client)

    def handle_complete(self):
        """The client will stop."""

    async def on_client_connected(self, client):
        self._traffic.history.connected(client.id)

    async def on_session_ind(self, client, message):
        self._traffic.history.dispatched(client.id, message.name.encode())
        self._traffic.history.named(client.id, message.name)
        self._client = client
        self._traffic.go_on()

    async def on_parcel_ind(self, client, message):
        self._traffic.handle_parcel(client.id, message)

    async def on_client_writable(self, client):
        self._traffic.go_on()

    async def on_client_detached(self, client, reason):
        self._traffic.handle_detached(client.id, reason)

    async def on_client_resumed(self, client, replayed):
        self._traffic.handle_resumed(client.id, replayed)
        self._traffic.history.unacknowledged(client.id, client.unacknowledged)

    async def on_client_session_lost(self, client, loss):
        self._traffic.handle_lost(client.id, loss)
        # Else its WELCOME was cut off: the client has never heard of it, and has begun another one.
        if client is self._client or loss.first_unacked <= loss.last_accepted:
            say("lost:", loss.reason)

    async def on_client_disconnected(self, client, reason):
        self._traffic.handle_end(client.id, client.unacknowledged, reason)
        if self._client is client:
            self._client = None


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["client", "server"])
    parser.add_argument("uri")
    parser.add_argument("parcels", type=int)
    parser.add_argument("history")
    for option in ("--ca", "--cert", "--key"):
        parser.add_argument(option)
    arguments = parser.parse_args()

    traffic = Traffic(arguments)
    if arguments.role == "client":
        end = Client(arguments, traffic)
        end.start()
    else:
        end = Server(arguments, traffic)
        await end.start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.stop)
        say("listening", end.uri)
    tasks = [asyncio.ensure_future(traffic.tell_progress()), asyncio.ensure_future(traffic.send(end.receiver, end.handle_complete))]
    await end.wait_stopped()
    for task in tasks:
        task.cancel()
    traffic.report()


asyncio.run(main())
