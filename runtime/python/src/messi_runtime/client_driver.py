"""Does what a client does. Apart from it, so that its names cannot meet those of subclasses."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from .address_memory import AddressMemory
from .backoff import Backoff
from .connection import ConnectionSettings, Side
from .connector import Connected, connect, give_up
from .disconnect_reason import DisconnectReason
from .hint import HOOK_RAISED
from .hooks import LOGGER, HookFailed, call_hook, name_of
from .inbox import Signal
from .keepalive import KeepaliveSettings
from .link import Link, LinkSettings
from .options import ClientOptions
from .task import begin_task
from .uri import parse_uri_to_connect
from .uri_round import UriRound

if TYPE_CHECKING:
    from .client import ClientBase


class ClientDriver:
    def __init__(self, client: ClientBase, uri: str, options: ClientOptions) -> None:
        self.uri = uri
        self.options = options
        self.link: Link | None = None
        self.disconnect_hint = ""

        self._client = client
        uris = [uri, *options.more_uris]
        self._round = UriRound([parse_uri_to_connect(each) for each in uris], options.shuffle_uris)
        self._memory = AddressMemory()
        self._backoff = Backoff(options.backoff)
        self._settings = LinkSettings(
            connection=ConnectionSettings(
                side=Side.CLIENT,
                max_payload_size=options.max_payload_size,
                max_pending_bytes=options.max_pending_bytes,
                keepalive=KeepaliveSettings(options.ping_interval, options.pong_timeout),
            ),
            socket=options.socket,
            linger=options.linger,
        )
        self._prepared: Message | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Future[None] | None = None  # done when it is wanted; None: not started
        self._task: asyncio.Task[None] | None = None
        self._ending: Link | None = None  # no longer `link`, but not over

    # Commands

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.options.check()
        if self._loop is not loop:
            self._forget_loop()
            self._loop = loop
        if self._stop is not None:
            return
        self._round.begin_anew()
        self._stop = loop.create_future()
        self._task = begin_task(self._run(self._stop, after=self._task))

    def stop(self) -> None:
        if self._stop is None:
            return
        if not self._stop.done():
            self._stop.set_result(None)
        self._stop = None
        if self.link is not None:
            self.link.close(DisconnectReason.STOPPED)

    def stop_now(self) -> None:
        link = self.link or self._ending
        if link is not None:
            link.abort(DisconnectReason.STOPPED)
        self.stop()

    async def wait_stopped(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    def pause(self) -> None:
        if self.link is not None:
            self.link.pause()

    def resume(self) -> None:
        if self.link is not None:
            self.link.resume()

    def send(self, payload: bytes | None) -> None:
        if self.link is not None:
            self.link.send(self._settings.connection.encode(payload))

    def prepare(self, name: str) -> Message:
        self._prepared, member = self._client._messi_outgoing.prepare(name)
        return member

    def send_prepared(self) -> None:
        if self._prepared is None:
            raise RuntimeError("send() without a message needs one that init_<message>() has made")
        self.send(self._client._messi_outgoing.encode_prepared(self._prepared))

    def next_delay(self) -> float:
        return 0.0 if self._round.under_way else self._backoff.next(random.random())

    def _forget_loop(self) -> None:
        """The loop that the client was started in has ended, and perhaps with it the client."""
        for link in (self.link, self._ending):
            if link is not None:
                link.abort(DisconnectReason.STOPPED)
                self._forget(link)
        self._stop = self._task = None

    def _forget(self, link: Link) -> None:
        # What remains of a loop that was not run to its end may come late.
        if self.link is link:
            self.link = None
        if self._ending is link:
            self._ending = None

    # The client's life

    async def _run(self, stop: asyncio.Future[None], after: asyncio.Task[None] | None) -> None:
        try:
            if after is not None and not after.done():
                await asyncio.wait({after})
            after = None
            while not stop.done():
                connected = await self._connect(stop)
                if connected is None:
                    break
                delay = await self._use(connected)
                await _pause(stop, delay)
        finally:
            if self._stop is stop:
                self._stop = None

    async def _connect(self, stop: asyncio.Future[None]) -> Connected | None:
        """Tries until it succeeds, or shall not try again."""
        while not stop.done():
            attempt = asyncio.ensure_future(
                connect(self._round.next(), self.options.connect_timeout, self._memory)
            )
            either: set[asyncio.Future[Any]] = {attempt, stop}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if stop.done() or not attempt.done():
                    give_up(attempt)
            if stop.done():
                break
            try:
                return attempt.result()
            except Exception as exception:
                delay = await self._delay_after(exception)
            if delay is None:
                break
            await _pause(stop, delay)
        return None

    async def _delay_after(self, failure: Exception) -> float | None:
        LOGGER.info("Connecting to %s failed: %r.", self.uri, failure)
        hook = self._client.on_connect_failure
        try:
            delay = await call_hook(hook, failure)
        except HookFailed:
            return self.next_delay()
        if delay is None or (isinstance(delay, (int, float)) and delay >= 0):
            return delay
        LOGGER.error("%s returns seconds or None, but got %r.", name_of(hook), delay)
        return self.next_delay()

    async def _use(self, connected: Connected) -> float:
        """From `on_connected` to `on_disconnected`. Returns when to connect again."""
        loop = asyncio.get_running_loop()
        connected_at = loop.time()
        link = Link(self._settings, connected.socket, connected.early)
        self.link = link
        self.disconnect_hint = ""
        try:
            link.start()
            await self._serve(link)
            self.link, self._ending = None, link
            await link.wait_ended()
        except BaseException:  # the task is being cancelled
            link.abort(DisconnectReason.STOPPED)
            raise
        finally:
            self._forget(link)

        delay = self._delay_after_use(link, connected.address, loop.time() - connected_at)
        self.disconnect_hint = link.hint
        LOGGER.info("Disconnected from %s: %s", self.uri, f"{link.reason} {link.hint}".rstrip())
        await self._tell_disconnected(link.reason)
        return delay

    async def _serve(self, link: Link) -> None:
        try:
            await call_hook(self._client.on_connected)
            while (event := await link.next_event()) is not None:
                await self._handle(link, event)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR, HOOK_RAISED)

    async def _handle(self, link: Link, event: bytes | Signal) -> None:
        client = self._client
        if isinstance(event, Signal):
            await call_hook(client.on_writable)
            return
        received = client._messi_incoming.decode(event)
        if received is None:
            link.close(DisconnectReason.MESSAGE_DECODE_ERROR)
            return
        if received.field_number == 0:
            return
        if client._messi_sees_all:
            wanted = await call_hook(client.on_any_message, received.field_number)
            if not wanted or link.deaf:
                return
        if received.message is not None:
            await call_hook(getattr(client, f"on_{received.name}"), received.message)
        else:
            await call_hook(client.on_unknown_message, received.field_number)

    def _delay_after_use(self, link: Link, address: str, uptime: float) -> float:
        if not link.proved:
            self._memory.failed(address)
            return self.next_delay()
        self._memory.worked(address)
        self._round.begin_anew()
        self._backoff.reset()
        self._backoff.handle_lost(uptime)
        return self.next_delay()

    async def _tell_disconnected(self, reason: DisconnectReason) -> None:
        hook = self._client.on_disconnected
        arguments = (reason,) if _takes_arguments(hook) else ()
        with contextlib.suppress(HookFailed):
            await call_hook(hook, *arguments)


def _takes_arguments(hook: Any) -> bool:
    """Programs written for the original Messi override `on_disconnected` without the reason."""
    try:
        return len(inspect.signature(hook).parameters) > 0
    except (TypeError, ValueError):
        return True


async def _pause(stop: asyncio.Future[None], seconds: float) -> None:
    await asyncio.wait({stop}, timeout=seconds)
