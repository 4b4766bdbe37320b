"""One end of kill_run in Python, as peer.cc is in C++.

usage: peer.py client|server URI PARCELS HISTORY [--ca FILE] [--cert FILE] [--key FILE]
"""

import argparse
import asyncio
import collections
import math
import signal

import parcels
from kill_run_client import KillRunClient
from kill_run_pb2 import AskReq, AskRsp, ParcelInd, SessionInd, TellReq, TellRsp
from kill_run_server import KillRunServer
from messi_runtime import BackoffSettings, CallError, ClientOptions, SendResult, ServerOptions, SessionMode, TlsConfig
from messi_runtime.history import History

MAX_PENDING_BYTES = 256 * 1024  # so that senders have to wait
FOR_ANSWERS = 8 * 1024  # which must not be too much
MOST_IN_A_TURN = 50
MOST_OPEN = 64


def say(*words):
    print(*words, flush=True)


def answer_to(call):
    return "answer to " + call


class Asked:
    """The requests of the other side. Each second one is answered later, and the last one first."""

    def __init__(self, traffic):
        self._traffic = traffic
        self._kept = []
        self._count = 0

    def handle(self, call, reply_type, reply, later):
        answer = reply_type(text=answer_to(call))
        self._count += 1
        if self._count % 2 == 0:
            reply(answer)
            self._traffic.handle_answered()
            return
        if not self._kept:
            asyncio.get_running_loop().call_later(0.005, self._answer_kept)
        self._kept.append((later(), answer))

    def _answer_kept(self):
        while self._kept:
            responder, answer = self._kept.pop()
            responder.reply(answer)
            self._traffic.handle_answered()
        self._traffic.go_on()


class Traffic:
    """What this end sends and receives, over all sessions, and what it is told of them."""

    def __init__(self, arguments):
        self.history = History(arguments.history, arguments.role, messages_per_line=1000)
        self.arrivals = parcels.Arrivals()
        self._to_send = arguments.parcels
        self.calls_to_make = arguments.parcels // 10
        self._sent = self._detached = self._replayed = 0
        self._calls = self._answers = self._answered = self._wrong = 0
        # What was sent last, with all that is not acknowledged: the histories know no answers.
        self._are_messages = collections.deque()
        self._tasks = set()
        self._sending = asyncio.Event()

    @property
    def complete(self):
        arrived = self._sent == self._to_send == self.arrivals.last and not self.arrivals.missing
        return arrived and self._answers == self.calls_to_make

    def go_on(self):
        self._sending.set()

    async def send(self, receiver, call, handle_complete):
        """Sends whenever `receiver` gives a key and somebody to send to. `call(to, text)` makes a call."""
        while True:
            await self._sending.wait()
            self._sending.clear()
            while (to := receiver()) is not None:
                self._call_some(*to, call)
                goes_on = self._send_some(*to)
                await asyncio.sleep(0)
                if not goes_on:
                    break
            if self.complete:
                handle_complete()

    def _send_some(self, key, to):
        for _ in range(MOST_IN_A_TURN):
            if self._sent == self._to_send:
                return False
            content = parcels.make(self._sent + 1)
            full = to.pending_bytes + len(content) > MAX_PENDING_BYTES - FOR_ANSWERS
            if full and to.pending_bytes > MAX_PENDING_BYTES // 2:
                return False  # on_writable comes
            self.history.sending(key, content)
            if to.try_send_parcel_ind(ParcelInd(content=content)) is not SendResult.OK:
                self.history.not_sent(key)
                return False
            self._sent += 1
            self.handle_sent()
        return True

    def handle_sent(self):
        """A message is sent that is no answer."""
        self._are_messages.append(True)

    def handle_answered(self):
        self._are_messages.append(False)
        self._answered += 1

    @property
    def all_answered(self):
        """Whether all requests of the other side are."""
        return self._answered == self.calls_to_make

    def _call_some(self, key, to, call):
        while self._calls < self.calls_to_make and self._calls < self._answers + MOST_OPEN:
            self._calls += 1
            text = f"call {self._calls}"
            task = asyncio.create_task(self._call(key, text, call(to, text)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, key, text, call):
        """The histories have calls as messages, but not the answers, which need not come in order among those."""
        self.history.sending(key, text.encode())
        self.handle_sent()
        try:
            right = (await call).text == answer_to(text)
        except CallError:
            right = False
        self._wrong += not right
        self._answers += 1
        self.go_on()

    def handle_request(self, key, call):
        self.history.dispatched(key, call.encode())

    async def tell_progress(self):
        while True:
            say("at", self._sent + self.arrivals.last + self._answers)
            await asyncio.sleep(0.2)

    def handle_parcel(self, key, parcel):
        self.history.dispatched(key, parcel.content)
        self.arrivals.note(parcels.number_of(parcel.content))

    def handle_detached(self, key, reason):
        self.history.detached(key, reason)
        self._detached += 1

    def handle_resumed(self, key, replayed, unacknowledged):
        self._forget_acknowledged(unacknowledged)
        self.history.resumed(key, min(replayed, sum(self._are_messages)))
        self.history.unacknowledged(key, sum(self._are_messages))
        self._replayed += replayed

    def handle_lost(self, key, loss):
        self.history.lost(key, loss.first_unacked, loss.last_accepted, loss.peer_handled, loss.reason)

    def _forget_acknowledged(self, unacknowledged):
        while len(self._are_messages) > unacknowledged:
            self._are_messages.popleft()

    def handle_end(self, key, unacknowledged, reason):
        self._forget_acknowledged(unacknowledged)
        self.history.unacknowledged(key, sum(self._are_messages))
        self.history.disconnected(key, reason)

    def report(self):
        self.history.close()
        arrivals = self.arrivals
        say("result sent", self._sent, "received", arrivals.last, "lost", len(arrivals.missing), "duplicated", arrivals.duplicated,
            "reordered", arrivals.reordered, "changed", arrivals.changed, "detached", self._detached, "replayed", self._replayed,
            "answers", self._answers, "wrong", self._wrong)


class Client(KillRunClient):
    def __init__(self, arguments, traffic):
        super().__init__(arguments.uri, options=ClientOptions(
            session=SessionMode.REQUIRED, ping_interval=0.15, pong_timeout=0.5, connect_timeout=1,
            backoff=BackoffSettings(initial=0.002, quick=0.002, max=0.05), max_pending_bytes=MAX_PENDING_BYTES, linger=60,
            tls=TlsConfig(ca=arguments.ca)))
        self._traffic = traffic
        self._asked = Asked(traffic)
        self._sessions = 0

    def receiver(self):
        return (0, self) if self.connected else None

    def call(self, to, text):
        return to.call_ask_req(AskReq(text=text), math.inf)

    def handle_complete(self):
        """What it has answered is handled before it has stopped."""
        if self._traffic.all_answered:
            self.stop()

    async def on_connected(self):
        self._sessions += 1
        name = f"session-{self._sessions}"
        self._traffic.history.connected(0)
        self._traffic.history.named(0, name)
        self._traffic.history.sending(0, name.encode())
        self.send(SessionInd(name=name))
        self._traffic.handle_sent()
        self._traffic.go_on()

    async def on_parcel_ind(self, message):
        self._traffic.handle_parcel(0, message)
        if self._traffic.complete:
            self.handle_complete()

    async def on_tell_req(self, message):
        self._traffic.handle_request(0, message.text)
        self._asked.handle(message.text, TellRsp, self.reply_tell_rsp, self.answer_later_tell_req)
        self._traffic.go_on()

    async def on_writable(self):
        self._traffic.go_on()

    async def on_detached(self, reason):
        self._traffic.handle_detached(0, reason)

    async def on_resumed(self, replayed):
        self._traffic.handle_resumed(0, replayed, self.unacknowledged)

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
        self._asked = Asked(traffic)
        self._client = None

    def receiver(self):
        return None if self._client is None else (self._client.id, self._client)

    def call(self, to, text):
        return to.call_tell_req(TellReq(text=text), math.inf)

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

    async def on_ask_req(self, client, message):
        self._traffic.handle_request(client.id, message.text)
        self._asked.handle(message.text, AskRsp, self.reply_ask_rsp, self.answer_later_ask_req)

    async def on_client_writable(self, client):
        self._traffic.go_on()

    async def on_client_detached(self, client, reason):
        self._traffic.handle_detached(client.id, reason)

    async def on_client_resumed(self, client, replayed):
        self._traffic.handle_resumed(client.id, replayed, client.unacknowledged)

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
    tasks = [asyncio.ensure_future(traffic.tell_progress()), asyncio.ensure_future(traffic.send(end.receiver, end.call, end.handle_complete))]
    await end.wait_stopped()
    for task in tasks:
        task.cancel()
    traffic.report()


asyncio.run(main())
