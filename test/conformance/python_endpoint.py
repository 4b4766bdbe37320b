"""What the Python endpoints have in common: the convention of README.md without the protocol."""

import argparse
import asyncio
import sys
import threading
import time


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("--max-payload", type=int, default=1024 * 1024)
    parser.add_argument("--max-clients", type=int, default=10)
    parser.add_argument("--session", choices=["off", "prefer", "required"], default="off")
    parser.add_argument("--handshake", action="store_true")
    parser.add_argument("--authenticate", action="store_true")
    return parser.parse_args()


def report_loss(loss, *client):
    handled = "-" if loss.peer_handled is None else loss.peer_handled
    report("lost", *client, loss.reason.value, loss.first_unacked, loss.last_accepted, handled)


def report(*words):
    print(*words, flush=True)


class Counter:
    """A stream of numbered messages that is being received."""

    def __init__(self):
        self._next = 0

    def handle_text(self, text):
        """Whether the text belongs to a stream; if so it is counted."""
        if not text.startswith("#"):
            return False
        number = int(text[1:].rstrip("."))
        if number not in (self._next, 0):
            report("disorder", self._next, number)
        self._next = number + 1
        return True

    def handle_count(self):
        report("counted", self._next)


async def stream(send, blocked, size, *, count=-1, seconds=float("inf"), per_second=float("inf")):
    """Sends a stream of numbered messages, as fast as it is read or as it shall be."""
    number = 0
    begin = time.monotonic()
    while number != count and (now := time.monotonic()) < begin + seconds:
        if blocked() or number > (now - begin + 0.001) * per_second:
            await asyncio.sleep(0.001)
            continue
        send(f"#{number}".ljust(size, "."))
        number += 1
        if number % 20 == 0:
            await asyncio.sleep(0)
    report("streamed", number)


def handle_stream_command(words, start_stream, counter):
    """"stream", "stream_for" and "count", which all endpoints know; false for other commands."""
    match words:
        case ["stream", count, size]:
            start_stream(int(size), count=int(count))
        case ["stream_for", seconds, size, per_second]:
            start_stream(int(size), seconds=int(seconds), per_second=int(per_second))
        case ["count"]:
            counter.handle_count()
        case _:
            return False
    return True


async def run(handle_command):
    """Calls handle_command(words) for the lines of standard input, until its end."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def read():
        for line in sys.stdin:
            loop.call_soon_threadsafe(handle_command, line.split())
        loop.call_soon_threadsafe(done.set)

    threading.Thread(target=read, daemon=True).start()
    await done.wait()
