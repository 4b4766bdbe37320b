"""Plays one case against one endpoint, as the peer of its connection."""

import contextlib
import socket
import struct
import time

from endpoint import Endpoint, Failure, matches, shortened
from vectors import bytes_from, expand, pattern_from

PING, PONG, ACK = 3, 4, 8
PATIENCE = 2.5  # seconds for what should come at once, and less than any keepalive's
BETWEEN_PIECES = 0.004  # so that the pieces of a cut frame arrive as several


class Peer:
    """The other end of the endpoint's connection. Sorts what comes into pings, pongs, acknowledgements and other bytes."""

    def __init__(self, connection, answer_pings):
        self.socket = connection
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answer_pings = answer_pings
        self.closed = False
        self.frames = []  # other than pings and pongs
        self.pings = 0
        self.pongs = 0
        self.acks = []  # rx and tx
        self._received = b""

    def read_until(self, condition, deadline):
        """Reads until condition() holds; False if time is over or the connection is."""
        while not condition():
            left = deadline - time.monotonic()
            if self.closed or left <= 0:
                return False
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(1 << 20)
            except TimeoutError:
                continue
            except OSError:
                data = b""
            if not data:
                self.closed = True
                self._finish()
            self._received += data
            self._take_frames()
        return True

    def _finish(self):
        """Ends this side too, as peers do: an orderly end waits for it."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side has reset the connection

    def _take_frames(self):
        while len(self._received) >= 4:
            size = 4 + int.from_bytes(self._received[1:4], "big")
            if len(self._received) < size:
                return
            frame, self._received = self._received[:size], self._received[size:]
            if frame == bytes([PING, 0, 0, 0]):
                self.pings += 1
                if self.answer_pings:
                    self.send(bytes([PONG, 0, 0, 0]))
            elif frame == bytes([PONG, 0, 0, 0]):
                self.pongs += 1
            elif frame[0] == ACK:
                self.acks.append((int.from_bytes(frame[4:12], "big"), int.from_bytes(frame[12:20], "big")))
            else:
                self.frames.append(frame)

    def send(self, data):
        try:
            self.socket.settimeout(PATIENCE)
            self.socket.sendall(data)
        except OSError:
            pass  # what matters is what the endpoint says, and `closed`

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Player:
    def __init__(self, command, case, steps, cut):
        self.case = case
        self.steps = steps
        self.cut = cut
        self.command = command
        self.answer_pings = not any(verb == "show-pings" for _, verb, _ in steps)
        self.peers = []
        self.peer = None
        self.endpoint = None
        self.names = {}  # bytes that were given a name, in hex

    def play(self):
        with contextlib.ExitStack() as stack:
            if self.case.side == "client":
                self._await_client(stack)
            else:
                self._start_server(stack)
            for number, verb, rest in self.steps:
                for name, value in self.names.items():
                    rest = rest.replace(f"<{name}>", value)
                try:
                    getattr(self, "_" + verb.replace("-", "_"))(rest)
                except Failure as failure:
                    raise Failure(f"line {number}: {verb} {shortened(rest)}: {failure}") from None

    def _await_client(self, stack):
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        uri = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.endpoint = stack.enter_context(Endpoint(self.command, uri, self.case.options))
        stack.callback(self._close_peers)
        self._reconnect("within 15")

    def _start_server(self, stack):
        self.endpoint = stack.enter_context(Endpoint(self.command, "tcp://127.0.0.1:0", self.case.options))
        stack.callback(self._close_peers)
        self.port = self.endpoint.listening_port()
        self._connect("")

    def _close_peers(self):
        for peer in self.peers:
            peer.socket.close()

    # What the peer does.

    def _in(self, rest):
        data = bytes_from(rest)
        for piece in self._pieces(data):
            self.peer.send(piece)
            if piece is not data:
                time.sleep(BETWEEN_PIECES)

    def _pieces(self, data):
        cut, self.cut = (self.cut, None) if self.case.split == "everywhere" else (None, self.cut)
        if self.case.split == "bytes":
            return [data[i:i + 1] for i in range(len(data))]
        return [data] if cut is None else [data[:cut], data[cut:]]

    def _frame(self, rest):
        kind, _, payload = rest.partition(" ")
        payload = bytes_from(payload)
        self.peer.send(bytes.fromhex(kind) + len(payload).to_bytes(3, "big") + payload)

    def _wait(self, rest):
        self.peer.read_until(lambda: False, time.monotonic() + float(rest))

    def _hangup(self, _):
        self.peer.socket.close()

    def _halfclose(self, _):
        self.peer.socket.shutdown(socket.SHUT_WR)

    def _reset(self, _):
        self.peer.reset()

    def _connect(self, rest):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise Failure("connection refused") from None
                time.sleep(0.02)
        self._use(Peer(connection, self.answer_pings))

    def _on(self, rest):
        self.peer = self.peers[int(rest) - 1]

    def _reconnect(self, rest):
        _, self.listener_timeout = times(rest)
        self.listener.settimeout(self.listener_timeout)
        try:
            connection, _ = self.listener.accept()
        except TimeoutError:
            raise Failure(f"no connection within {self.listener_timeout} s {self.endpoint.last_errors}") from None
        self._use(Peer(connection, self.answer_pings))

    def _no_reconnect(self, rest):
        self.listener.settimeout(float(rest))
        with contextlib.suppress(TimeoutError):
            self.listener.accept()
            raise Failure("the client connected again")

    def _use(self, peer):
        self.peer = peer
        self.peers.append(peer)

    def _do(self, rest):
        self.endpoint.do(expand(rest))
        if rest == "start" and self.case.side == "server":
            self.port = self.endpoint.listening_port(PATIENCE)

    def _show_pings(self, _):
        pass

    # What the endpoint must do.

    def _out(self, rest):
        expected = pattern_from(rest)
        self.peer.read_until(lambda: self.peer.frames, time.monotonic() + PATIENCE)
        if not self.peer.frames:
            raise Failure("connection closed" if self.peer.closed else f"nothing within {PATIENCE} s")
        frame = self.peer.frames.pop(0)
        match = expected.fullmatch(frame.hex())
        if match is None:
            raise Failure(f"{shortened(frame.hex())} instead")
        self.names |= match.groupdict()

    def _acked(self, rest):
        rx, tx, *when = rest.split()
        wanted = (int(rx), int(tx))
        self._in_time(" ".join(when), "ACK", lambda: wanted in self.peer.acks)
        self.peer.acks.remove(wanted)

    def _ping(self, rest):
        self._in_time(rest, "ping", lambda: self.peer.pings)
        self.peer.pings -= 1

    def _pong(self, rest):
        count = int(rest.removeprefix("times ")) if rest.startswith("times ") else 1
        self._in_time("" if count > 1 else rest, "pong", lambda: self.peer.pongs >= count)
        self.peer.pongs -= count

    def _closed(self, rest):
        self._in_time(rest, "end of the connection", lambda: self.peer.closed)

    def _in_time(self, rest, what, condition):
        earliest, latest = times(rest)
        start = time.monotonic()
        if not self.peer.read_until(condition, start + latest) and not condition():
            raise Failure(f"no {what}" + (" before the connection was closed" if self.peer.closed else ""))
        if time.monotonic() - start < earliest:
            raise Failure(f"{what} after {time.monotonic() - start:.1f} s already")

    def _event(self, rest):
        rest, times_given, count = rest.partition(" times ")
        for _ in range(int(count) if times_given else 1):
            self._expect_event(expand(rest))

    def _expect_event(self, expected):
        # Reads meanwhile, since a client may wait for its pong.
        deadline = time.monotonic() + PATIENCE
        while True:
            event = self.endpoint.next_event(0.05)
            if event is not None:
                self.endpoint.put_back(event)
                return self.endpoint.expect(expected)
            if time.monotonic() > deadline:
                raise Failure("no such event")
            if not self.peer.closed and self.peer.socket.fileno() != -1:
                self.peer.read_until(lambda: False, time.monotonic() + 0.01)

    def _maybe(self, rest):
        event = self.endpoint.next_event(0.1)
        if event is not None and not matches(event, rest):
            self.endpoint.put_back(event)

    def _silence(self, rest):
        deadline = time.monotonic() + float(rest)
        if self.peer.read_until(lambda: self.peer.frames, deadline):
            raise Failure(f"{shortened(self.peer.frames[0].hex())} came")
        if self.peer.closed:
            raise Failure("the connection was closed")
        self.endpoint.expect_none(0.01)

    def _silence_events(self, rest):
        """As silence, on a connection that is over."""
        self.endpoint.expect_none(float(rest))

    def _refused(self, _):
        """Nobody listens any more."""
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
            raise Failure("the server accepts connections")

    def _alive(self, _):
        """The connection still works: a message comes through, and nothing else came before."""
        if self.case.side == "client":
            self._in_whole("02 000002 0a00")
            self._expect_event("message connect_rsp")
        else:
            self._in_whole("03 000000")
            self._pong("")

    def _in_whole(self, text):
        self.peer.send(bytes_from(text))


def times(text):
    """'within 2', 'between 1.5 and 2' or '' -> (earliest, latest)"""
    words = text.split()
    if not words:
        return 0.0, PATIENCE
    if words[0] == "within":
        return 0.0, float(words[1])
    if words[0] == "between":
        return float(words[1]), float(words[3])
    raise Failure(f"not a time: {text}")
