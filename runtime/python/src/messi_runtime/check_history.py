#!/usr/bin/env python3
"""Proves that each message has arrived once and in order, or shows what is wrong first.

usage: check_history LOG LOG...

The logs are those of `History`, in C++ or Python, of all clients and servers that have talked to
each other. The last line is "N messages, promise kept" and the status 0; or the first violation is
shown, with the lines around it in the logs of both sides, and the status is 1. It is 2 if the logs
cannot be compared. A log without an end, of a process that was killed, has to be right as far as it
goes.
"""

from __future__ import annotations

import array
import bisect
import dataclasses
import itertools
import sys
from collections.abc import Iterator

FACTOR = 0x9E3779B97F4A7C55  # as in history.py
MODULUS = 1 << 64
LINES_AROUND = 3


class CannotCompare(Exception):
    pass


# What the logs say.


class Way:
    """The messages of one direction, counted from 1. Each line of the log has a run of them."""

    def __init__(self) -> None:
        self.lasts = array.array("Q")
        self.hashes = array.array("Q")
        self.times = array.array("Q")
        self.lines = array.array("Q")

    def add(self, numbers: str, hash_: str, time: int, line: int) -> None:
        first, _, last = numbers.partition("-")
        if int(first) != self.count + 1 or int(last or first) < int(first):
            raise ValueError
        self.lasts.append(int(last or first))
        self.hashes.append(int(hash_, 16))
        self.times.append(time)
        self.lines.append(line)

    @property
    def count(self) -> int:
        return self.lasts[-1] if self.lasts else 0

    def before(self, index: int) -> int:
        """How many messages come before this line."""
        return self.lasts[index - 1] if index else 0

    def index(self, number: int) -> int:
        """Of the line that has the message."""
        return bisect.bisect_left(self.lasts, number)

    def hash(self, begin: int, end: int) -> int:
        """Of all messages of these lines."""
        result = 0
        for index in range(begin, end):
            size = self.lasts[index] - self.before(index)
            result = (result * pow(FACTOR, size, MODULUS) + self.hashes[index]) % MODULUS
        return result


@dataclasses.dataclass
class Event:
    what: str
    numbers: list[int]
    time: int
    line: int
    accepted: int  # messages of this client, by then


@dataclasses.dataclass(eq=False)
class Client:
    """A client in one log. At a client's side it has one session after the other."""

    log: Log
    accepted: Way = dataclasses.field(default_factory=Way)
    dispatched: Way = dataclasses.field(default_factory=Way)
    sessions: list[Session] = dataclasses.field(default_factory=list)
    told: Event | None = None  # what was acknowledged in the end, without a session

    def line_at(self, time: int) -> int:
        """The last one until then that has a message."""
        lines = [1]
        for way in (self.accepted, self.dispatched):
            if index := bisect.bisect_right(way.times, time):
                lines.append(way.lines[index - 1])
        return max(lines)


@dataclasses.dataclass(eq=False)
class Session:
    """A session as one side has seen it."""

    client: Client
    begin: int  # messages that its client has dispatched before, and with it
    end: int
    name: str = ""
    state: str = "new"
    acknowledged: list[Event] = dataclasses.field(default_factory=list)
    resumed: list[Event] = dataclasses.field(default_factory=list)
    lost: Event | None = None
    over: Event | None = None

    @property
    def log(self) -> Log:
        return self.client.log

    @property
    def dispatched(self) -> int:
        return self.end - self.begin


@dataclasses.dataclass
class Violation:
    time: int
    text: str
    session: Session | None
    places: list[tuple[Client, int]]  # lines


# How many numbers an event has, in which states of a session it may come, and where it leads.
EVENTS = {
    "connected": (0, ["new", "over"], "connected"),
    "detached": (0, ["connected"], "detached"),
    "resumed": (1, ["detached"], "connected"),
    "lost": (3, ["new", "connected", "detached"], "lost"),
    "disconnected": (0, ["connected", "detached", "lost"], "over"),
    "dispatched": (0, ["connected"], "connected"),
    "acknowledged": (1, list[str](), ""),
}


class Log:
    def __init__(self, path: str) -> None:
        self.path = path
        self.clients: dict[str, Client] = {}
        self.complete = False
        self.violations: list[Violation] = []  # without looking at the other side
        number = 1
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                title, version, self.side, self.clock = file.readline().split()
                if (title, version) != ("messi-history", "1"):
                    raise ValueError
                for number, line in enumerate(file, 2):
                    if line.endswith("\n"):
                        self._read(line.split(), number)
        except (ValueError, IndexError, KeyError, OverflowError):
            raise CannotCompare(f"{path}:{number} is no line of a history") from None

    def sessions(self) -> list[Session]:
        return [session for client in self.clients.values() for session in client.sessions]

    def lines_around(self, line: int) -> list[tuple[int, str]]:
        first = max(1, line - LINES_AROUND)
        with open(self.path, encoding="utf-8", errors="replace") as file:
            lines = itertools.islice(file, first - 1, line + LINES_AROUND)
            return [(number, text.rstrip("\n")) for number, text in enumerate(lines, first)]

    def _read(self, words: list[str], line: int) -> None:
        time = int(words[0].replace(".", ""))
        if words[1] == "end":
            self.complete = True
            return
        key, what = words[1:3]
        client = self.clients.get(key)
        if client is None:
            client = self.clients[key] = Client(self)
        if what == "accepted":
            client.accepted.add(words[3], words[4], time, line)
            return
        begins = what in ("connected", "lost")  # lost: one that has never been connected
        if not client.sessions or (begins and client.sessions[-1].state == "over"):
            count = client.dispatched.count
            client.sessions.append(Session(client, count, count))
        session = client.sessions[-1]
        if what == "dispatched":
            client.dispatched.add(words[3], words[4], time, line)
            session.end = client.dispatched.count
            if session.state == "connected":
                return
        if what == "named":
            session.name = words[3]
            return
        numbers = [-1 if word == "-" else int(word) for word in words[3 : 3 + EVENTS[what][0]]]
        if len(numbers) < EVENTS[what][0]:
            raise ValueError
        self._go_on(session, Event(what, numbers, time, line, client.accepted.count))

    def _go_on(self, session: Session, event: Event) -> None:
        if event.what == "acknowledged":
            if session.state in ("new", "over"):
                session.client.told = event
            else:
                session.acknowledged.append(event)
            return
        _, states, following = EVENTS[event.what]
        if session.state not in states:
            text = f"{event.what}, and the session is {session.state}"
            places = [(session.client, event.line)]
            self.violations.append(Violation(event.time, text, session, places))
            return
        if event.what == "resumed":
            session.resumed.append(event)
        elif event.what == "lost":
            session.lost = event
        if event.what == "disconnected" or (event.what, session.state) == ("lost", "new"):
            session.over = event
            following = "over"
        session.state = following


# What is compared.


class Direction:
    """What one side of a session has accepted, and what the other has dispatched."""

    def __init__(self, sender: Session, receiver: Session | None, begin: int) -> None:
        self.sender = sender
        self.receiver = receiver
        self.sent = sender.client.accepted
        self.arrived = receiver.client.dispatched if receiver else Way()
        self.sent_before = begin
        self.arrived_before = receiver.begin if receiver else 0
        self.dispatched = receiver.dispatched if receiver else 0
        self.accepted = self._count_accepted()
        self.violations: list[Violation] = []

    def _count_accepted(self) -> int:
        """A client may have accepted more, for its next session."""
        all_ = self.sent.count - self.sent_before
        if self.sender.log.side == "server" or not self.sender.over:
            return all_
        return min(all_, self.sender.lost.numbers[1] if self.sender.lost else self.dispatched)

    def check(self, all_is_known: bool) -> list[Violation]:
        """It is not if the receiver's log has no end."""
        self._check_order()
        if all_is_known:
            self._check_end()
        self._check_acknowledged(all_is_known)
        if self.receiver and self.sender.log.clock == self.receiver.log.clock != "-":
            self._check_times()
        return self.violations

    def _check_order(self) -> None:
        """What was dispatched is the beginning of what was accepted."""
        for piece in self._pieces():
            begin, end, arrived_begin, arrived_end = piece
            if self.sent.hash(begin, end) != self.arrived.hash(arrived_begin, arrived_end):
                self._tell_arrival(arrived_begin, self._difference(*piece))
                return
        if self.dispatched > self.accepted and self.sender.log.complete:
            index = self.arrived.index(self.arrived_before + self.accepted + 1)
            known = self.sent.hashes[self.sent.index(self.sent_before + 1) :]
            again = self.arrived.hashes[index] in known
            number = f"message {self.accepted + 1} "
            self._tell_arrival(
                index,
                number + ("repeats an earlier one" if again else "was never accepted"),
            )

    def _pieces(self) -> Iterator[tuple[int, int, int, int]]:
        """Lines of the sender, and lines of the receiver with as many messages, one after other."""
        sent, arrived = self.sent, self.arrived
        i = begin = sent.index(self.sent_before + 1)
        j = arrived_begin = arrived.index(self.arrived_before + 1)
        is_piece = sent.before(begin) == self.sent_before  # else that line has others too
        while i < len(sent.lasts) and j < len(arrived.lasts):
            last = sent.lasts[i] - self.sent_before
            arrived_last = arrived.lasts[j] - self.arrived_before
            if last > self.accepted or arrived_last > self.dispatched:
                return
            i += last <= arrived_last
            j += arrived_last <= last
            if last == arrived_last:
                if is_piece:
                    yield begin, i, arrived_begin, j
                is_piece = True
                begin, arrived_begin = i, j

    def _difference(self, begin: int, end: int, arrived_begin: int, arrived_end: int) -> str:
        sent, arrived = self.sent.hashes, self.arrived.hashes
        first = self._number(begin)
        last = self.sent.lasts[end - 1] - self.sent_before
        if last > first:
            return f"messages {first} to {last} are not dispatched as they were accepted"
        what = arrived[arrived_begin]
        if what in sent[end:]:
            other = self._number(sent.index(what, end))
            if sent[begin] in arrived[arrived_end:]:
                return f"message {other} comes before message {first}"
            return f"{_messages(first, other - 1)} lost: message {other} comes instead"
        if what in sent[self.sent.index(self.sent_before + 1) : begin]:
            return f"an earlier message comes again, instead of message {first}"
        return f"message {first} has changed"

    def _number(self, index: int) -> int:
        return self.sent.before(index) + 1 - self.sent_before

    def _check_end(self) -> None:
        """Whatever is missing, the sender has been told of."""
        lost = self.sender.lost
        if lost:
            first, last, handled = lost.numbers
            if last != self.accepted:
                self._tell(lost, f"lost up to {last}, and {self.accepted} were accepted")
            elif first - 1 > self.dispatched:
                self._tell(lost, f"lost from {first} on, and {self.dispatched} were dispatched")
            elif handled not in (-1, self.dispatched):
                self._tell(lost, f"{handled} handled, and {self.dispatched} were dispatched")
        elif self.sender.over and self.dispatched < self.accepted:
            missing = _messages(self.dispatched + 1, self.accepted)
            self._tell(self.sender.over, f"{missing} lost, and the sender is not told")

    def _check_acknowledged(self, all_is_known: bool) -> None:
        before = 0
        for event in self.sender.acknowledged:
            number = event.numbers[0] - self.sent_before
            if number < before:
                self._tell(event, f"{number} acknowledged, after {before}")
            elif all_is_known and number > self.dispatched:
                self._tell(event, f"{number} acknowledged, and {self.dispatched} were dispatched")
            elif self.sender.lost and number >= self.sender.lost.numbers[0]:
                self._tell(self.sender.lost, f"message {number} is lost, and was acknowledged")
            before = number
        for event in self.sender.resumed:
            acknowledged = [e.numbers[0] for e in self.sender.acknowledged if e.line < event.line]
            open_ = event.accepted - max([self.sent_before, *acknowledged])
            if event.numbers[0] > open_:
                self._tell(event, f"{event.numbers[0]} replayed, of {open_}")

    def _check_times(self) -> None:
        """No message is dispatched before it is accepted, or acknowledged before that."""
        begin = self.arrived.index(self.arrived_before + 1)
        end = self.arrived.index(self.arrived_before + self.dispatched + 1)
        for index in range(begin, end):
            number = self.arrived.lasts[index] - self.arrived_before
            sent = self.sent.index(self.sent_before + number)
            if sent < len(self.sent.times) and self.sent.times[sent] > self.arrived.times[index]:
                self._tell_arrival(index, f"message {number} is dispatched before it is accepted")
                break
        for event in self.sender.acknowledged:
            number = event.numbers[0] - self.sent_before
            index = bisect.bisect_right(self.arrived.lasts, self.arrived_before + number) - 1
            if index >= begin and self.arrived.times[index] > event.time:
                self._tell(event, f"message {number} is acknowledged before it is dispatched")
                break

    def _tell(self, event: Event, text: str) -> None:
        """The sender's line, and what the receiver has dispatched last."""
        places = [(self.sender.client, event.line)]
        if self.receiver and self.dispatched:
            index = self.arrived.index(self.receiver.end)
            places.append((self.receiver.client, self.arrived.lines[index]))
        self.violations.append(Violation(event.time, self._of(text), self.sender, places))

    def _tell_arrival(self, index: int, text: str) -> None:
        """The receiver's line, and that of the message with the same number."""
        assert self.receiver
        places = [(self.receiver.client, self.arrived.lines[index])]
        if self.sent.lines:
            number = self.arrived.before(index) + 1 - self.arrived_before
            sent = min(self.sent.index(self.sent_before + number), len(self.sent.lines) - 1)
            places.insert(0, (self.sender.client, self.sent.lines[sent]))
        time = self.arrived.times[index]
        self.violations.append(Violation(time, self._of(text), self.receiver, places))

    def _of(self, text: str) -> str:
        return f"of what the {self.sender.log.side} sent, {text}"


def _messages(first: int, last: int) -> str:
    return f"message {first} is" if first == last else f"messages {first} to {last} are"


class Checker:
    def __init__(self, logs: list[Log]) -> None:
        self.violations = [violation for log in logs for violation in log.violations]
        self.messages = sum(session.dispatched for log in logs for session in log.sessions())
        self._logs = logs
        self._partners: dict[Session, Session] = {}

    def check(self) -> None:
        self._find_partners()
        for log in self._logs:
            for client in log.clients.values():
                self._check_client(client)
        self.violations.sort(key=lambda violation: violation.time)

    def _find_partners(self) -> None:
        sides = [
            [s for log in self._on(side) for s in log.sessions()] for side in ("client", "server")
        ]
        if [len(sessions) for sessions in sides] == [1, 1]:
            named = [{"": sessions[0]} for sessions in sides]
        else:
            named = [self._by_name(sessions) for sessions in sides]
        for name in named[0].keys() & named[1].keys():
            client, server = named[0][name], named[1][name]
            self._partners |= {client: server, server: client}
        for session in itertools.chain(*sides):
            if session.dispatched and session not in self._partners:
                what = f"session {session.name}" if session.name else "a session without a name"
                raise CannotCompare(f"{session.log.path} has {what}, which no other log has")

    def _by_name(self, sessions: list[Session]) -> dict[str, Session]:
        named = {session.name: session for session in sessions if session.name}
        for session in sessions:
            if session.name and named[session.name] is not session:
                raise CannotCompare(f"{session.log.path} has two sessions {session.name}")
        return named

    def _on(self, side: str) -> list[Log]:
        return [log for log in self._logs if log.side == side]

    def _check_client(self, client: Client) -> None:
        begin = 0
        for session in client.sessions:
            receiver = self._partners.get(session)
            others = self._on("server" if client.log.side == "client" else "client")
            all_is_known = all(log.complete for log in ([receiver.log] if receiver else others))
            direction = Direction(session, receiver, begin)
            self.violations += direction.check(all_is_known)
            if not all_is_known and not session.lost:
                return  # what was left for the next session is not known
            begin += direction.accepted
        if client.sessions and not client.sessions[-1].over:
            return
        if client.accepted.count > begin and not (client.told and client.told.numbers[0] == begin):
            index = client.accepted.index(begin + 1)
            text = f"message {begin + 1} is not dispatched, and the program is not told"
            place = (client, client.accepted.lines[index])
            last = client.sessions[-1] if client.sessions else None
            time = client.accepted.times[-1]
            if last and last.over:
                time = max(time, last.over.time)
            self.violations.append(Violation(time, text, last, [place]))

    def show(self, violation: Violation) -> None:
        name = violation.session.name if violation.session else ""
        print(f"{name}: {violation.text}" if name else violation.text)
        places = violation.places
        partner = self._partners.get(violation.session) if violation.session else None
        if partner and len(places) == 1:
            places = [*places, (partner.client, partner.client.line_at(violation.time))]
        for client, line in places:
            print(client.log.path)
            for number, text in client.log.lines_around(line):
                print(f"{'>' if number == line else ' '} {number}: {text}")


def main(paths: list[str] | None = None) -> int:
    if paths is None:
        paths = sys.argv[1:]
    if len(paths) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        checker = Checker([Log(path) for path in paths])
        checker.check()
    except (CannotCompare, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if checker.violations:
        checker.show(checker.violations[0])
        return 1
    print(f"{checker.messages} messages, promise kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
