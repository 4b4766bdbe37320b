"""Stands between clients and a server, and treats each connection as it is told."""

import contextlib
import random
import socket
import struct
import threading
import time

UP, DOWN = "up", "down"  # to the server, to the client
CHUNK = 1 << 16


class Treatment:
    """What happens to one connection.

    rate: bytes a second in each direction. slices: bytes of one write. jitter: each write waits up to so many seconds.
    cut: {direction: bytes}, after which `how` happens: "rst", "fin", or "hole", where nothing passes any more.
    """

    def __init__(self, *, rate=None, slices=None, jitter=0.0, cut=None, how="rst"):
        self.rate = rate
        self.slices = slices
        self.jitter = jitter
        self.cut = cut or {}
        self.how = how


class Proxy:
    """Connections to `port` go on to `target`, as `treat(number)` says. If it is narrow, the system keeps little on the way."""

    def __init__(self, target, treat=lambda number: Treatment(), *, narrow=False):
        self.target = target
        self._narrow = narrow
        self.treat = treat
        self.connections = 0
        self.bytes = {UP: 0, DOWN: 0}
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._pairs = []
        self._listener = self._socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1000)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accepting thread
        self._listener.close()
        self._flowing.set()
        self.cut_all("rst")

    def cut_all(self, how):
        """Ends all connections. Returns how many there were."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.end(how)
        return len(pairs)

    def stall(self, seconds):
        """Nothing passes for a while."""
        self._flowing.clear()
        time.sleep(seconds)
        self._flowing.set()

    def wait_while_stalled(self):
        self._flowing.wait()

    def _socket(self):
        end = socket.socket()
        if self._narrow:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                end.setsockopt(socket.SOL_SOCKET, option, 4096)
        return end

    def _accept(self):
        with contextlib.suppress(OSError):  # when closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = self._socket()
                    server.connect(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                treatment = self.treat(self.connections)
                self.connections += 1
                pair = _Pair(self, client, server, treatment)
                with self._lock:
                    self._pairs = [each for each in self._pairs if not each.over] + [pair]
                pair.start()


class _Pair:
    def __init__(self, proxy, client, server, treatment):
        self.proxy = proxy
        self.ends = (client, server)
        self.treatment = treatment
        self.over = False
        self._pumps = 2
        self._lock = threading.Lock()
        self._hole = False

    def start(self):
        client, server = self.ends
        for end in self.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for source, target, direction in ((client, server, UP), (server, client, DOWN)):
            threading.Thread(target=self._pump, args=(source, target, direction), daemon=True).start()

    def end(self, how):
        """"rst" and "fin" end both sides; after "hole" nothing passes, and nobody is told."""
        if how == "hole":
            self._hole = True
            return
        self.over = True
        for end in self.ends:
            with contextlib.suppress(OSError):
                if how == "rst":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    # The pumps have it too, so that close() alone does nothing.
                    with contextlib.suppress(OSError):
                        _disconnect(end)
                else:
                    end.shutdown(socket.SHUT_RDWR)

    def _pump(self, source, target, direction):
        treatment = self.treatment
        left = treatment.cut.get(direction)
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK if treatment.rate is None else 4096):
                self.proxy.wait_while_stalled()
                if left is not None and len(data) >= left:
                    self._send(target, data[:left], direction)
                    self.end(treatment.how)
                    if treatment.how != "hole":
                        break
                    left = None
                self._send(target, data, direction)
                if left is not None:
                    left -= len(data)
            if not self._hole:
                target.shutdown(socket.SHUT_WR)
        if not self._hole:
            # Closing with unread input would throw away what is on its way in the other direction.
            with contextlib.suppress(OSError):
                while source.recv(CHUNK):
                    pass
        with self._lock:
            self._pumps -= 1
            last = self._pumps == 0
        if last:
            self.over = True
            for end in self.ends:
                end.close()

    def _send(self, target, data, direction):
        if self._hole:
            return
        treatment = self.treatment
        self.proxy.bytes[direction] += len(data)
        size = treatment.slices or len(data)
        for begin in range(0, len(data), max(size, 1)):
            if treatment.jitter:
                time.sleep(random.uniform(0, treatment.jitter))
            if treatment.rate:
                time.sleep(min(size, len(data)) / treatment.rate)
            target.sendall(data[begin:begin + size])


def _disconnect(end):
    """Resets a connection that other threads use: connecting to no address ends it at once."""
    libc = _libc()
    address = struct.pack("H14x", socket.AF_UNSPEC)
    libc.connect(end.fileno(), address, len(address))
    end.shutdown(socket.SHUT_RDWR)


def _libc():
    import ctypes
    return ctypes.CDLL(None)
