"""What a client does, as a table: no event loop, no sockets, no clock.

The same table as that of the C++ runtime (connection/client_machine.h), which ARCHITECTURE.md shows
as a diagram. The driver reports events and performs the actions.
"""

from __future__ import annotations

import enum


class ClientState(enum.Enum):
    STOPPED = enum.auto()
    """Nothing is left to happen."""

    WAITING = enum.auto()
    """The timer begins the next attempt."""

    CONNECTING = enum.auto()
    """An attempt is under way. The timer gives it up."""

    ASKING = enum.auto()
    """An attempt has failed, and `on_connect_failure` is asked how to go on."""

    INTRODUCING = enum.auto()
    """There is a link, and the two sides say who they are. The timer gives it up."""

    CONNECTED = enum.auto()
    """There is a link. The timer is its keepalive's."""

    ENDING = enum.auto()
    """The link ends in order. The timer pings, and aborts the link after `linger`."""

    RESTARTING = enum.auto()
    """As ENDING, and a new connection follows."""


class ClientEvent(enum.Enum):
    START = enum.auto()
    STOP = enum.auto()
    STOP_NOW = enum.auto()
    TIMER = enum.auto()
    STREAM = enum.auto()
    """The attempt has succeeded."""

    OPENED = enum.auto()
    """The same, for a client that introduces itself."""

    WELCOMED = enum.auto()
    """The two sides know each other."""

    NO_STREAM = enum.auto()
    """The attempt has failed."""

    RETRY = enum.auto()
    """The answer of `on_connect_failure`: after a delay."""

    GIVE_UP = enum.auto()
    """The answer of `on_connect_failure`: never."""

    ENDED = enum.auto()
    """The link is over, as `stop` wanted."""

    LOST = enum.auto()
    """The link is over for another reason."""


class ClientAction(enum.Enum):
    BEGIN = enum.auto()
    """A new round of the URIs begins."""

    WAIT = enum.auto()
    """Set the timer to the next attempt."""

    CONNECT = enum.auto()
    """Begin an attempt, and set the timer to its limit."""

    DROP = enum.auto()
    """Drop the attempt, the link and the timer, if any."""

    INTRODUCE = enum.auto()
    """Say who this is. The timer stays."""

    SERVE = enum.auto()
    """Use the link, set the timer to its first deadline, and call `on_connected`."""

    TEND = enum.auto()
    """Ping, or give up a server that is silent, and set the timer again."""

    END = enum.auto()
    """End the link in order, and set the timer to the limit for that."""

    LINGER = enum.auto()
    """Ping, or abort the link if its limit has come, and set the timer again."""

    ABORT = enum.auto()
    """End the link now."""

    ASK = enum.auto()
    """Call `on_connect_failure`; its answer is an event."""

    TELL = enum.auto()
    """Call `on_disconnected`."""


_S = ClientState
_E = ClientEvent
_A = ClientAction

Step = tuple[ClientState, tuple[ClientAction, ...]]
"""The next state, and what to do, in order."""

# One row for each event that can happen in a state. A row with the same state and no action: the
# event is ignored.
STEPS: dict[tuple[ClientState, ClientEvent], Step] = {
    (_S.STOPPED, _E.START): (_S.WAITING, (_A.BEGIN, _A.WAIT)),
    (_S.STOPPED, _E.STOP): (_S.STOPPED, ()),
    (_S.STOPPED, _E.STOP_NOW): (_S.STOPPED, ()),
    (_S.STOPPED, _E.RETRY): (_S.STOPPED, ()),
    (_S.STOPPED, _E.GIVE_UP): (_S.STOPPED, ()),
    #
    (_S.WAITING, _E.START): (_S.WAITING, ()),
    (_S.WAITING, _E.STOP): (_S.STOPPED, (_A.DROP,)),
    (_S.WAITING, _E.STOP_NOW): (_S.STOPPED, (_A.DROP,)),
    (_S.WAITING, _E.TIMER): (_S.CONNECTING, (_A.CONNECT,)),
    (_S.WAITING, _E.RETRY): (_S.WAITING, (_A.WAIT,)),
    (_S.WAITING, _E.GIVE_UP): (_S.STOPPED, (_A.DROP,)),
    #
    (_S.CONNECTING, _E.START): (_S.CONNECTING, ()),
    (_S.CONNECTING, _E.STOP): (_S.STOPPED, (_A.DROP,)),
    (_S.CONNECTING, _E.STOP_NOW): (_S.STOPPED, (_A.DROP,)),
    (_S.CONNECTING, _E.TIMER): (_S.ASKING, (_A.DROP, _A.ASK)),
    (_S.CONNECTING, _E.STREAM): (_S.CONNECTED, (_A.SERVE,)),
    (_S.CONNECTING, _E.OPENED): (_S.INTRODUCING, (_A.INTRODUCE,)),
    (_S.CONNECTING, _E.NO_STREAM): (_S.ASKING, (_A.DROP, _A.ASK)),
    #
    (_S.ASKING, _E.START): (_S.ASKING, ()),
    (_S.ASKING, _E.STOP): (_S.STOPPED, ()),
    (_S.ASKING, _E.STOP_NOW): (_S.STOPPED, ()),
    (_S.ASKING, _E.RETRY): (_S.WAITING, (_A.WAIT,)),
    (_S.ASKING, _E.GIVE_UP): (_S.STOPPED, ()),
    #
    (_S.INTRODUCING, _E.START): (_S.INTRODUCING, ()),
    (_S.INTRODUCING, _E.STOP): (_S.STOPPED, (_A.DROP,)),
    (_S.INTRODUCING, _E.STOP_NOW): (_S.STOPPED, (_A.DROP,)),
    (_S.INTRODUCING, _E.TIMER): (_S.ASKING, (_A.DROP, _A.ASK)),
    (_S.INTRODUCING, _E.WELCOMED): (_S.CONNECTED, (_A.SERVE,)),
    (_S.INTRODUCING, _E.LOST): (_S.ASKING, (_A.DROP, _A.ASK)),
    #
    (_S.CONNECTED, _E.START): (_S.CONNECTED, ()),
    (_S.CONNECTED, _E.STOP): (_S.ENDING, (_A.END,)),
    (_S.CONNECTED, _E.STOP_NOW): (_S.ENDING, (_A.ABORT,)),
    (_S.CONNECTED, _E.TIMER): (_S.CONNECTED, (_A.TEND,)),
    (_S.CONNECTED, _E.LOST): (_S.WAITING, (_A.DROP, _A.WAIT, _A.TELL)),
    #
    (_S.ENDING, _E.START): (_S.RESTARTING, (_A.BEGIN,)),
    (_S.ENDING, _E.STOP): (_S.ENDING, ()),
    (_S.ENDING, _E.STOP_NOW): (_S.ENDING, (_A.ABORT,)),
    (_S.ENDING, _E.TIMER): (_S.ENDING, (_A.LINGER,)),
    (_S.ENDING, _E.ENDED): (_S.STOPPED, (_A.DROP, _A.TELL)),
    (_S.ENDING, _E.LOST): (_S.STOPPED, (_A.DROP, _A.TELL)),
    #
    (_S.RESTARTING, _E.START): (_S.RESTARTING, ()),
    (_S.RESTARTING, _E.STOP): (_S.ENDING, ()),
    (_S.RESTARTING, _E.STOP_NOW): (_S.ENDING, (_A.ABORT,)),
    (_S.RESTARTING, _E.TIMER): (_S.RESTARTING, (_A.LINGER,)),
    # A client that was stopped and started again connects at once.
    (_S.RESTARTING, _E.ENDED): (_S.CONNECTING, (_A.DROP, _A.CONNECT, _A.TELL)),
    (_S.RESTARTING, _E.LOST): (_S.WAITING, (_A.DROP, _A.WAIT, _A.TELL)),
}


class ClientMachine:
    def __init__(self) -> None:
        self.state = ClientState.STOPPED

    def handle(self, event: ClientEvent) -> tuple[ClientAction, ...]:
        """It is already in the next state when it returns the actions.

        An event that cannot happen in this state is a `KeyError`.
        """
        self.state, actions = STEPS[self.state, event]
        return actions
