"""From messages to payloads and back; the only module that knows protobuf well.

A payload is an encoded `ClientToServer` or `ServerToClient` with one member set:

    +-------------------------+---------------+-------------------+
    | tag: field << 3 | 2     | length        | the member        |
    +-------------------------+---------------+-------------------+
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from google.protobuf.message import Message

from .hooks import LOGGER
from .nesting import too_deep

_LENGTH_DELIMITED = 2


class _Member(NamedTuple):
    type_name: str
    tag: bytes


class Outgoing:
    """Encodes the members of a message's oneof `messages`."""

    def __init__(self, wrapper: type[Message]) -> None:
        self._wrapper = wrapper
        fields = wrapper.DESCRIPTOR.oneofs_by_name["messages"].fields
        self._members = {
            field.name: _Member(
                type_name=field.message_type.full_name,
                tag=encode_varint(field.number << 3 | _LENGTH_DELIMITED),
            )
            for field in fields
            if field.message_type is not None
        }
        users = Counter(member.type_name for member in self._members.values())
        self._names_by_type = {
            member.type_name: name
            for name, member in self._members.items()
            if users[member.type_name] == 1
        }

    def encode(self, name: str, message: Message) -> bytes | None:
        """`message` as the member `name`, without the message around it. `None`, and a line in the
        log, if it cannot be encoded, for example because a required field is missing. Raises
        `TypeError` if it is not a message of the member's type.
        """
        member = self._members[name]
        if _type_name(message) != member.type_name:
            raise TypeError(f"{name} is a {member.type_name}, but got {_what(message)}")
        encoded = _serialize(message)
        if encoded is None:
            return None
        return member.tag + encode_varint(len(encoded)) + encoded

    def unique_name(self, message: Message) -> str:
        """The one member that has the type of `message`."""
        type_name = _type_name(message)
        if type_name not in self._names_by_type:
            known = ", ".join(self._names_by_type)
            raise TypeError(f"expected a message of type {known}, but got {_what(message)}")
        return self._names_by_type[type_name]

    def encode_unique(self, message: Message) -> bytes | None:
        """`message` as the one member that has its type."""
        return self.encode(self.unique_name(message), message)

    def prepare(self, name: str) -> tuple[Message, Message]:
        """A message with the empty member `name`, and that member."""
        wrapper = self._wrapper()
        member: Message = getattr(wrapper, name)
        member.SetInParent()
        return wrapper, member

    def encode_prepared(self, wrapper: Message) -> bytes | None:
        """`None` as `encode`."""
        return _serialize(wrapper)


class Received(NamedTuple):
    name: str
    message: Message | None
    """`None` if the payload has no known member."""

    field_number: int
    """The number of the member, known or not; 0 if there is none."""


class Incoming:
    """Decodes payloads."""

    def __init__(self, wrapper: type[Message]) -> None:
        self._wrapper = wrapper
        fields = wrapper.DESCRIPTOR.oneofs_by_name["messages"].fields
        self.numbers = {field.name: field.number for field in fields}
        """Of the members, by name."""

    def decode(self, payload: bytes, max_depth: int = 100) -> Received | None:
        """`None` if the bytes are not a message of the schema, or one with more levels."""
        wrapper = self._wrapper()
        # Implementations of protobuf differ: UnicodeDecodeError, RecursionError...
        try:
            wrapper.ParseFromString(payload)
            if not wrapper.IsInitialized() or too_deep(wrapper, max_depth):
                return None
        except Exception as error:
            LOGGER.debug("A message cannot be decoded: %r", error)
            return None
        name = wrapper.WhichOneof("messages")
        if name is None:
            return Received("", None, first_field(payload))
        return Received(name, getattr(wrapper, name), self.numbers[name])


def _type_name(message: object) -> str | None:
    return message.DESCRIPTOR.full_name if isinstance(message, Message) else None


def _what(message: object) -> str:
    return f"a {_type_name(message) or type(message).__name__}"


def _serialize(message: Message) -> bytes | None:
    try:
        if message.IsInitialized():
            return message.SerializePartialToString()
        # Every implementation has it, if the type hints of none.
        missing: list[str] = message.FindInitializationErrors()  # type: ignore[attr-defined]
        why = f"required fields are missing: {', '.join(missing)}"
    except Exception as error:
        why = str(error)
    LOGGER.error("A %s cannot be sent: %s", message.DESCRIPTOR.full_name, why)
    return None


def first_field(payload: bytes) -> int:
    """The number of the first field in a payload that is legal protobuf; 0 if there is none."""
    tag = 0
    for position, byte in enumerate(payload):
        tag |= (byte & 0x7F) << 7 * position
        if byte < 0x80:
            break
    return tag >> 3


def encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
