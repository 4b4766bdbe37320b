#!/usr/bin/env python3
"""Sends what is typed, and prints what everybody says."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading

import chat_pb2
from chat_client import ChatClient
from messi_runtime import ClientOptions, DisconnectReason, SessionMode, TlsConfig

# So many lines may be in flight, for example when the input is a file.
MOST_UNHEARD = 16


class Client(ChatClient):
    def __init__(self, user: str, uri: str, options: ClientOptions) -> None:
        super().__init__(uri, options=options)
        self._user = user
        self._may_say = asyncio.Condition()
        self._welcome = False
        self._unheard = 0  # lines of ours that have not come back yet
        self._input_ended = False
        self._told_away = False
        self.exit_status = 0

    async def on_connected(self) -> None:
        self.send(chat_pb2.ConnectReq(user=self._user))

    async def on_connect_rsp(self, message: chat_pb2.ConnectRsp) -> None:
        say("Connected to the server.")
        self._told_away = False
        self._welcome = True
        await self._let_more_be_said()

    # All clients hear what one says, also that client itself: then the line has arrived.
    async def on_message_ind(self, message: chat_pb2.MessageInd) -> None:
        say(f"<{message.user}> {message.text}")
        if message.user != self._user or self._unheard == 0:
            return
        self._unheard -= 1
        await self._let_more_be_said()
        self._end_when_all_is_heard()

    # With a session, what is sent meanwhile is kept.
    async def on_detached(self, reason: DisconnectReason) -> None:
        say(f"The connection is lost: {reason}")

    async def on_resumed(self, replayed: int) -> None:
        say(f"There is another one. Sent again: {replayed}")

    async def on_disconnected(self, reason: DisconnectReason) -> None:
        self._welcome = False
        if reason is DisconnectReason.STOPPED:
            return
        say(f"Disconnected: {reason} {self.disconnect_hint}".rstrip())
        if self._unheard > 0:
            say(f"Lines of yours that perhaps nobody heard: {self._unheard}")
            self._unheard = 0
        if self._input_ended:
            self.exit_status = 1
            self.stop()
            return
        say("What you type is sent when the server is back.")
        self._told_away = True

    async def on_connect_failure(self, exception: Exception) -> float | None:
        if not self._told_away:
            reason = str(exception) or "Time-out"
            say(f"{self.uri}: {reason}. Trying again until the server is there.")
            self._told_away = True
        return await super().on_connect_failure(exception)

    async def say(self, line: str) -> None:
        """Returns when the line is sent; it waits for the server if need be."""
        async with self._may_say:
            await self._may_say.wait_for(self._can_say)
        self.send(chat_pb2.MessageInd(user=self._user, text=line))
        self._unheard += 1

    def _can_say(self) -> bool:
        # A server that drains takes nothing more, and is still heard.
        return self.connected and self._welcome and self._unheard < MOST_UNHEARD

    async def end_input(self) -> None:
        self._input_ended = True
        self._end_when_all_is_heard()

    def _end_when_all_is_heard(self) -> None:
        if self._input_ended and self._unheard == 0:
            self.stop()

    async def _let_more_be_said(self) -> None:
        async with self._may_say:
            self._may_say.notify_all()


def read_input(client: Client, loop: asyncio.AbstractEventLoop) -> None:
    """Passes lines on one by one: the next is read when the last one is sent."""
    for line in sys.stdin:
        asyncio.run_coroutine_threadsafe(client.say(line.rstrip("\n")), loop).result()
    asyncio.run_coroutine_threadsafe(client.end_input(), loop).result()


def say(line: str) -> None:
    print(line, flush=True)


async def main(user: str, uri: str, options: ClientOptions) -> int:
    client = Client(user, uri, options)
    client.start()
    # On a thread, since the input may be a file, and files cannot be awaited.
    loop = asyncio.get_running_loop()
    threading.Thread(target=read_input, args=(client, loop), daemon=True).start()
    await client.wait_stopped()
    return client.exit_status


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("user")
    parser.add_argument("uri", nargs="?", default="tcp://127.0.0.1:6000")
    parser.add_argument("--session", action="store_true", help="lose nothing when the link breaks")
    parser.add_argument("--ca", help="authorities to trust, for tls:// (the system's if not given)")
    parser.add_argument("--cert", help="this client's certificate, if the server demands one")
    parser.add_argument("--key", help="the certificate's key")
    given = parser.parse_args()
    try:
        tls = TlsConfig(ca=given.ca, certificate=given.cert, key=given.key)
        session = SessionMode.REQUIRED if given.session else SessionMode.OFF
        options = ClientOptions(tls=tls, session=session)
        sys.exit(asyncio.run(main(given.user, given.uri, options)))
    except KeyboardInterrupt:
        pass
    except ValueError as error:
        sys.exit(str(error))
