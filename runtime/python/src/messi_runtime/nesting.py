"""How deep messages may be nested: 100 levels below the outermost, as in C++."""

from __future__ import annotations

from google.protobuf.internal import api_implementation
from google.protobuf.message import Message

_MOST = 100


def too_deep(message: Message) -> bool:
    """Whether a decoded message is nested too deep: protobuf's implementation in pure Python had no
    limit until 2025. The others check it themselves."""
    return _IN_PURE_PYTHON and _deeper_than(_MOST, message)


_IN_PURE_PYTHON = api_implementation.Type() == "python"


def _deeper_than(levels: int, message: Message) -> bool:
    if levels < 0:
        return True
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        below = levels - 1
        if field.message_type.GetOptions().map_entry:
            members = [each for each in value.values() if isinstance(each, Message)]
            below -= 1  # the entry is also a message
        else:
            members = [value] if isinstance(value, Message) else value
        if any(_deeper_than(below, each) for each in members):
            return True
    return False
