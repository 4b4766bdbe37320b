"""Stands between a client and a server, knows where frames begin, and can disturb them."""

import contextlib
import socket
import threading

UP, DOWN = "client to server", "server to client"
USER_TYPE = {UP: 1, DOWN: 2}


class Proxy:
    """Connections to `port` go on to `server_port`."""

    def __init__(self, server_port):
        self.server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets = []
        self._cut = None  # (direction, bytes)
        self.has_cut = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_next_message(self, direction, size):
        """Of the next user message only so many bytes go through, and nothing after them."""
        with self._lock:
            self.has_cut.clear()
            self._cut = (direction, size)

    def inject(self, direction, frame):
        """Sends a frame of our own between two frames."""
        with self._lock:
            client, server = self._sockets[-2:]
            (server if direction == UP else client).sendall(frame)

    def hang_up(self):
        """Ends the present connection, for both sides."""
        with self._lock, contextlib.suppress(OSError):
            for end in self._sockets[-2:]:
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):  # when closed
            while True:
                client, _ = self._listener.accept()
                self._connect(client)

    def _connect(self, client):
        # The server may say that it is connected before this thread goes on.
        with self._lock:
            server = socket.create_connection(("127.0.0.1", self.server_port), 5)
            server.settimeout(None)
            self._sockets += [client, server]
        for source, target, direction in ((client, server, UP), (server, client, DOWN)):
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(source, target, direction), daemon=True).start()

    def _pump(self, source, target, direction):
        reader = source.makefile("rb")
        with contextlib.suppress(OSError):
            while header := reader.read(4):
                frame = header + reader.read(int.from_bytes(header[1:4], "big"))
                with self._lock:
                    cut = self._cut is not None and self._cut[0] == direction and header[0] == USER_TYPE[direction]
                    if cut:
                        frame = frame[:self._cut[1]]
                        self._cut = None
                    target.sendall(frame)
                if cut:
                    self.has_cut.set()
                    while source.recv(1 << 16):
                        pass
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        # Wakes the accepting thread, which close() alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            each.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
