"""How deep messages may be nested: by default 100 levels below the outermost, as in C++."""

from __future__ import annotations

from google.protobuf.internal import api_implementation
from google.protobuf.message import Message

_MOST = 100


def check_max_decode_depth(levels: int) -> None:
    if not 0 < levels <= _MOST:
        raise ValueError(f"max_decode_depth is 1 to {_MOST}, but got {levels}.")


def too_deep(message: Message, levels: int = _MOST) -> bool:
    """Whether a decoded message is nested too deep. protobuf checks its own limit, which is the
    same, but for its implementation in pure Python, which had none until 2025."""
    return (_IN_PURE_PYTHON or levels < _MOST) and _deeper_than(levels, message)


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
