"""A running endpoint: a program that follows the convention of README.md."""

import queue
import re
import subprocess
import threading
import time


class Failure(Exception):
    """What was expected, and what came instead."""


class Endpoint:
    def __init__(self, command, uri, options=()):
        self.command = [*command, uri, *options]
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._events = queue.Queue()
        self._put_back = []
        self._errors = []
        self.history = []
        self._error_reader = threading.Thread(target=self._read_errors, daemon=True)
        self._error_reader.start()
        threading.Thread(target=self._read_events, daemon=True).start()

    def _read_events(self):
        for line in self._process.stdout:
            event = line.decode(errors="replace").rstrip()
            self.history.append(event)
            self._events.put(event)
        self._events.put(None)

    def _read_errors(self):
        for line in self._process.stderr:
            self._errors.append(line.decode(errors="replace").rstrip())

    @property
    def errors(self):
        return "\n".join(self._errors)

    @property
    def last_errors(self):
        return "\n".join(self._errors[-20:])

    def do(self, command):
        """Gives the endpoint a command."""
        try:
            self._process.stdin.write(command.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"the endpoint is gone, it cannot do '{command}'") from None

    def next_event(self, within):
        """The next event, or None if none comes within that many seconds."""
        if self._put_back:
            return self._put_back.pop()
        try:
            event = self._events.get(timeout=max(within, 0))
        except queue.Empty:
            return None
        if event is None:
            self._events.put(None)
            status = self._process.wait()
            self._error_reader.join(1.0)
            raise Failure(f"the endpoint ended with status {status} {self.last_errors}")
        return event

    def put_back(self, event):
        self._put_back.append(event)

    def expect(self, expected, within=10.0):
        """The next event must be this one; a trailing '*' stands for any rest."""
        event = self.next_event(within)
        if event is None:
            raise Failure(f"no event '{shortened(expected)}' within {within} s")
        if not matches(event, expected):
            raise Failure(f"event '{shortened(event)}' instead of '{shortened(expected)}'")
        return event

    def skip_until(self, expected, within=10.0):
        """Drops events until this one comes."""
        end = time.monotonic() + within
        while True:
            event = self.next_event(end - time.monotonic())
            if event is None:
                raise Failure(f"no event '{expected}' within {within} s; last: {self.history[-3:]}")
            if matches(event, expected):
                return event

    def skip_until_quiet(self, expected, quiet=0.3):
        """Drops events until none comes for a while; the last must be this one."""
        event = None
        while (following := self.next_event(quiet)) is not None:
            event = following
        if event is None or not matches(event, expected):
            raise Failure(f"last event '{event}' instead of '{expected}'")

    def expect_none(self, during):
        event = self.next_event(during)
        if event is not None:
            raise Failure(f"unexpected event '{shortened(event)}'")

    def listening_port(self, within=20.0):
        return int(self.skip_until("listening *", within).split()[1])

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process.poll() is None

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def matches(event, expected):
    expected = expected.rstrip()
    # The original's server and Python client do not say why.
    if re.fullmatch(r"disconnected( \d+)?", event) and expected.startswith(event + " "):
        return True
    return event.startswith(expected[:-1]) if expected.endswith("*") else event == expected


def shortened(text):
    return text if len(text) <= 100 else f"{text[:80]}... ({len(text)} characters)"
