"""What generated clients derive from: a connection that is made again whenever it is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, TypeVar, cast

from google.protobuf.message import Message

from .client_driver import ClientDriver
from .disconnect_reason import DisconnectReason
from .options import ClientOptions
from .schema import Incoming, Outgoing

Prepared = TypeVar("Prepared", bound=Message)


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
        """`uri` is `tcp://<host>:<port>`, `unix://<path>` or `unix-abstract:<name>`; another raises
        `ValueError`, as do those of `ClientOptions.more_uris`.

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
        self._messi_driver = ClientDriver(self, uri, options)

    def start(self) -> None:
        """Connects, and connects again whenever the connection is lost, until `stop`.

        To be called in a running event loop. Does nothing when started, unless that was in a loop
        which has ended. Raises `ValueError` for options that contradict each other.
        """
        self._messi_driver.start()

    def stop(self) -> None:
        """Ends the connection and all attempts, in order: what was sent before still arrives, if
        the server reads it within `ClientOptions.linger`.

        If there was a connection, `on_disconnected(DisconnectReason.STOPPED)` follows when that is
        done; after `start` in the meantime, the next connection begins then. Does nothing when
        stopped.
        """
        self._messi_driver.stop()

    def stop_now(self) -> None:
        """As `stop`, but at once: what has not been written is dropped. Also ends what `stop` has
        begun."""
        self._messi_driver.stop_now()

    async def wait_stopped(self) -> None:
        """Returns when nothing of the client is left to happen: after `stop`, or after
        `on_connect_failure` has returned `None`. Not for hooks, which are what it waits for."""
        await self._messi_driver.wait_stopped()

    def pause(self) -> None:
        """From now on no message is handed to a hook, until `resume`; the end of the connection
        comes after what waits. The server may be silent meanwhile. Ends with the connection."""
        self._messi_driver.pause()

    def resume(self) -> None:
        self._messi_driver.resume()

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

    @property
    def disconnect_hint(self) -> str:
        """In `on_disconnected`: what more is known of why, as a sentence, such as "The peer seems
        to speak HTTP."; "" if nothing is."""
        return self._messi_driver.disconnect_hint

    def native_handle(self) -> int:
        """The descriptor of the connection's socket; -1 if there is none. It stays the client's."""
        link = self._messi_driver.link
        return -1 if link is None else link.native_handle

    async def on_connected(self) -> None:
        """The connection is up; from now on messages are sent and received."""

    async def on_disconnected(self, reason: DisconnectReason) -> None:
        """The connection is down. The next attempt follows by itself, unless the client was
        stopped."""

    async def on_connect_failure(self, exception: Exception) -> float | None:
        """An attempt to connect has failed: `ConnectionRefusedError`, another `OSError`, or
        `asyncio.TimeoutError`. Each URI is an attempt of its own.

        Returns after how many seconds to try again, or `None` for never, which stops the client. By
        default: at once if there are URIs that have not been tried in turn, else exponential
        backoff with jitter.
        """
        return self._messi_driver.delay_after_failure()

    async def on_writable(self) -> None:
        """Half of `max_pending_bytes` is free again after more than that was waiting."""

    async def on_any_message(self, field_number: int) -> bool:
        """A message has come, one that this client's schema does not have included: comes before
        the message's own hook, which is left out unless this returns true."""
        return True

    async def on_unknown_message(self, field_number: int) -> None:
        """The server has sent a message that this client's schema does not have."""

    # For the driver.

    @property
    def _messi_sees_all(self) -> bool:
        """Whether `on_any_message` does anything."""
        return getattr(self.on_any_message, "__func__", None) is not ClientBase.on_any_message

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
