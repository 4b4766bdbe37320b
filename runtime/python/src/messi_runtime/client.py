"""What generated clients derive from: a connection that is made again whenever it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar, cast

from google.protobuf.message import Message

from .backoff import Backoff, BackoffSettings
from .connection import ConnectionSettings, Side
from .connector import connect
from .disconnect_reason import DisconnectReason
from .duration import check_durations
from .frame import check_max_payload_size
from .hooks import LOGGER, HookFailed, run_hook
from .keepalive import KeepaliveSettings
from .link import Link, Signal
from .schema import Incoming, Outgoing
from .uri import parse_uri_to_connect

Prepared = TypeVar("Prepared", bound=Message)


@dataclass(frozen=True)
class ClientOptions:
    """Times in seconds, `math.inf` for ever; sizes in bytes."""

    ping_interval: float = 2.0
    """How often the server is asked for a sign of life. The original's server drops a client that
    has not pinged for 3 s. 0: never."""

    pong_timeout: float = 4.0
    """The connection is given up when no byte at all came from the server for this long."""

    connect_timeout: float = 5.0
    """For one attempt to connect, name resolution and all addresses of the host included."""

    backoff: BackoffSettings = field(default_factory=BackoffSettings)
    """How long to wait between attempts."""

    max_payload_size: int = 1024 * 1024
    """The largest message sent or accepted, as encoded; at most 2^24 - 1."""

    max_pending_bytes: int = 16 * 1024 * 1024
    """The most that waits to be written. A message that would exceed it ends the connection
    (SLOW_READER), unless nothing is waiting."""

    def __post_init__(self) -> None:
        check_max_payload_size(self.max_payload_size)
        check_durations(
            ping_interval=self.ping_interval,
            pong_timeout=self.pong_timeout,
            connect_timeout=self.connect_timeout,
        )


class ClientBase:
    """Everything is called on the event loop's thread. From other threads, use the loop's
    `call_soon_threadsafe`.

    Hooks are awaited one at a time, in order. In a hook anything is legal. One that raises an
    exception ends the connection (GENERAL_ERROR); the exception is logged.

    No message is lost while the connection lives. What is under way when it breaks may be lost, as
    with TCP, and what is sent while there is none is dropped.
    """

    _messi_outgoing: ClassVar[Outgoing]
    _messi_incoming: ClassVar[Incoming]

    def __init_subclass__(
        cls, sends: type[Message] | None = None, receives: type[Message] | None = None
    ) -> None:
        super().__init_subclass__()
        if sends is not None:
            cls._messi_outgoing = Outgoing(sends)
        if receives is not None:
            cls._messi_incoming = Incoming(receives)

    def __init__(
        self,
        uri: str,
        keep_alive_interval: float | None = None,
        connect_timeout: float | None = None,
        *,
        options: ClientOptions | None = None,
    ) -> None:
        """`uri` is `tcp://<host>:<port>` or `unix://<path>`; another raises `ValueError`.

        `keep_alive_interval` and `connect_timeout` are how programs written for the original Messi
        say `ClientOptions(ping_interval=k, pong_timeout=2 * k)` and
        `ClientOptions(connect_timeout=c)`.
        """
        options = options or ClientOptions()
        if keep_alive_interval is not None:
            options = replace(
                options, ping_interval=keep_alive_interval, pong_timeout=2 * keep_alive_interval
            )
        if connect_timeout is not None:
            options = replace(options, connect_timeout=connect_timeout)
        self._messi_driver = _Driver(self, uri, options)

    def start(self) -> None:
        """Connects, and connects again whenever the connection is lost, until `stop`.

        To be called in a running event loop. Does nothing when started.
        """
        self._messi_driver.start()

    def stop(self) -> None:
        """Ends the connection and all attempts.

        What was sent is still written, for a second at most. If there was a connection,
        `on_disconnected(DisconnectReason.STOPPED)` follows. Does nothing when stopped.
        """
        self._messi_driver.stop()

    async def wait_stopped(self) -> None:
        """Returns when nothing of the client is left to happen: after `stop`, or after
        `on_connect_failure` has returned `None`. Not for hooks, which are what it waits for."""
        await self._messi_driver.wait_stopped()

    @property
    def uri(self) -> str:
        return self._messi_driver.uri

    @property
    def options(self) -> ClientOptions:
        return self._messi_driver.options

    @property
    def connected(self) -> bool:
        """True from `on_connected` until the connection is lost or given up."""
        link = self._messi_driver.link
        return link is not None and not link.closed

    @property
    def pending_bytes(self) -> int:
        """Bytes that were sent and that the system has not taken yet."""
        link = self._messi_driver.link
        return 0 if link is None else link.pending_bytes

    async def on_connected(self) -> None:
        """The connection is up; from now on messages are sent and received."""

    async def on_disconnected(self, reason: DisconnectReason) -> None:
        """The connection is down. The next attempt follows by itself, unless the client was
        stopped."""

    async def on_connect_failure(self, exception: Exception) -> float | None:
        """An attempt to connect has failed: `ConnectionRefusedError`, another `OSError`, or
        `asyncio.TimeoutError`.

        Returns after how many seconds to try again, or `None` for never, which stops the client. By
        default: exponential backoff with jitter.
        """
        return self._messi_driver.next_delay()

    async def on_writable(self) -> None:
        """Half of `max_pending_bytes` is free again after more than that was waiting."""

    async def on_unknown_message(self, field_number: int) -> None:
        """The server has sent a message that this client's schema does not have."""

    # For generated code.

    def _messi_send(self, name: str, message: Message) -> None:
        self._messi_driver.send(self._messi_outgoing.encode(name, message))

    def _messi_send_unique(self, message: Message | None) -> None:
        if message is None:
            self._messi_send_prepared()
        else:
            self._messi_driver.send(self._messi_outgoing.encode_unique(message))

    def _messi_prepare(self, name: str, message_type: type[Prepared]) -> Prepared:
        return cast(Prepared, self._messi_driver.prepare(name))

    def _messi_send_prepared(self) -> None:
        self._messi_driver.send_prepared()


class _Driver:
    """Does what a client does. Apart from it, so that its names cannot meet those of subclasses."""

    def __init__(self, client: ClientBase, uri: str, options: ClientOptions) -> None:
        self.uri = uri
        self.options = options
        self.link: Link | None = None

        self._client = client
        self._address = parse_uri_to_connect(uri)
        self._settings = ConnectionSettings(
            side=Side.CLIENT,
            max_payload_size=options.max_payload_size,
            max_pending_bytes=options.max_pending_bytes,
            keepalive=KeepaliveSettings(options.ping_interval, options.pong_timeout),
        )
        self._backoff = Backoff(options.backoff)
        self._prepared: Message | None = None
        self._stop: asyncio.Future[None] | None = None  # done when it is wanted; None: not started
        self._task: asyncio.Task[None] | None = None

    # Commands

    def start(self) -> None:
        if self._stop is not None:
            return
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        self._task = loop.create_task(self._run(self._stop, after=self._task))

    def stop(self) -> None:
        if self._stop is None:
            return
        self._stop.set_result(None)
        self._stop = None
        if self.link is not None:
            self.link.close(DisconnectReason.STOPPED)

    async def wait_stopped(self) -> None:
        while self._task is not None and not self._task.done():
            await asyncio.wait({self._task})

    def send(self, payload: bytes | None) -> None:
        if self.link is not None:
            self.link.send(payload)

    def prepare(self, name: str) -> Message:
        self._prepared, member = self._client._messi_outgoing.prepare(name)
        return member

    def send_prepared(self) -> None:
        if self._prepared is None:
            raise RuntimeError("send() without a message needs one that init_<message>() has made")
        self.send(self._client._messi_outgoing.encode_prepared(self._prepared))

    def next_delay(self) -> float:
        return self._backoff.next(random.random())

    # The client's life

    async def _run(self, stop: asyncio.Future[None], after: asyncio.Task[None] | None) -> None:
        if after is not None and not after.done():
            await asyncio.wait({after})
        while not stop.done():
            link = await self._connect(stop)
            if link is None:
                break
            await self._use(link)
            if stop.done():
                await link.wait_lost()
            else:
                await asyncio.wait({stop}, timeout=self.next_delay())
        if self._stop is stop:
            self._stop = None

    async def _connect(self, stop: asyncio.Future[None]) -> Link | None:
        """Tries until it succeeds, or shall not try again."""
        while not stop.done():
            attempt = asyncio.ensure_future(
                connect(self._address, self.options.connect_timeout, self._settings)
            )
            either: set[asyncio.Future[Any]] = {attempt, stop}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if stop.done() or not attempt.done():
                    _give_up(attempt)
            if stop.done():
                break
            try:
                return attempt.result()
            except (OSError, asyncio.TimeoutError, UnicodeError) as exception:
                delay = await self._delay_after(exception)
            if delay is None:
                break
            await asyncio.wait({stop}, timeout=delay)
        return None

    async def _delay_after(self, failure: Exception) -> float | None:
        LOGGER.info("Connecting to %s failed: %r.", self.uri, failure)
        try:
            return await run_hook(self._client.on_connect_failure(failure))
        except HookFailed:
            return self.next_delay()

    async def _use(self, link: Link) -> None:
        """From `on_connected` to `on_disconnected`."""
        loop = asyncio.get_running_loop()
        connected_at = loop.time()
        self.link = link
        try:
            link.start()
            await run_hook(self._client.on_connected())
            while (event := await link.next_event()) is not None:
                await self._handle(link, event)
        except HookFailed:
            link.close(DisconnectReason.GENERAL_ERROR)
        finally:
            # Without a reason so far, the task is being cancelled.
            link.close(DisconnectReason.STOPPED)
            self.link = None

        if link.proved:
            self._backoff.reset()
            self._backoff.handle_lost(loop.time() - connected_at)
        LOGGER.info("Disconnected from %s: %s", self.uri, link.reason)
        await self._tell_disconnected(link.reason)

    async def _handle(self, link: Link, event: bytes | Signal) -> None:
        client = self._client
        if isinstance(event, Signal):
            await run_hook(client.on_writable())
            return
        received = client._messi_incoming.decode(event)
        if received is None:
            link.close(DisconnectReason.MESSAGE_DECODE_ERROR)
        elif received.message is not None:
            await run_hook(getattr(client, f"on_{received.name}")(received.message))
        elif received.unknown_field != 0:
            await run_hook(client.on_unknown_message(received.unknown_field))

    async def _tell_disconnected(self, reason: DisconnectReason) -> None:
        hook = self._client.on_disconnected
        # Programs written for the original Messi override it without the reason.
        told = inspect.signature(hook).parameters
        with contextlib.suppress(HookFailed):
            await run_hook(hook(reason) if told else hook())  # type: ignore[call-arg]


def _give_up(attempt: asyncio.Future[Link]) -> None:
    def discard(attempt: asyncio.Future[Link]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            attempt.result().close(DisconnectReason.STOPPED)

    attempt.cancel()
    attempt.add_done_callback(discard)
