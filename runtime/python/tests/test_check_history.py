"""Logs made by hand, with each kind of violation. Times are microseconds."""

from __future__ import annotations

import dataclasses

import pytest

from messi_runtime import check_history

CLIENT = """\
1 0 connected
2 0 accepted 1 aa
3 0 accepted 2 bb
4 0 accepted 3 cc
5 0 accepted 4 dd
9 0 acknowledged 2
20 0 detached Connection closed.
21 0 resumed 2
23 0 dispatched 1 ee
24 0 dispatched 2 ff
30 0 acknowledged 4
40 0 disconnected Stopped.
41 end
"""
SERVER = """\
1 7 connected
5 7 dispatched 1 aa
6 7 dispatched 2 bb
7 7 dispatched 3 cc
10 7 accepted 1 ee
11 7 accepted 2 ff
20 7 detached Connection closed.
21 7 resumed 2
22 7 dispatched 4 dd
25 7 acknowledged 2
40 7 disconnected Connection closed.
41 end
"""


@dataclasses.dataclass
class Verdict:
    status: int
    lines: list[str]


@pytest.fixture
def check(tmp_path, capsys):
    """Checks logs of these sides, with these lines, in two processes of one machine."""

    def run(*logs: tuple[str, str], clocks: tuple[str, str] = ("m", "m")) -> Verdict:
        paths = []
        for number, (side, lines) in enumerate(logs):
            path = tmp_path / f"{side}-{number}.log"
            path.write_text(f"messi-history 1 {side} {clocks[number % 2]}\n{lines}")
            paths.append(str(path))
        status = check_history.main(paths)
        output = capsys.readouterr()
        return Verdict(status, (output.out + output.err).splitlines())

    return run


def edited(log: str, *edits: tuple[str, str]) -> str:
    for old, new in edits:
        assert old in log
        log = log.replace(old, new)
    return log


def test_a_promise_that_was_kept(check):
    verdict = check(("client", CLIENT), ("server", SERVER))
    assert verdict == Verdict(0, ["6 messages, promise kept"])


def test_the_order_of_the_logs_does_not_matter(check):
    assert check(("server", SERVER), ("client", CLIENT)).status == 0


DISPATCHED = "22 7 dispatched 4 dd"
GONE = "6 7 dispatched 2 bb\n7 7 dispatched 3 cc\n"


@pytest.mark.parametrize(
    ("client", "server", "text"),
    [
        (
            [],
            [(GONE, "6 7 dispatched 2 cc\n"), (DISPATCHED, "22 7 dispatched 3 dd")],
            "of what the client sent, message 2 is lost: message 3 comes instead",
        ),
        (
            [],
            [(GONE, "6 7 dispatched 2 dd\n"), (DISPATCHED + "\n", "")],
            "of what the client sent, messages 2 to 3 are lost: message 4 comes instead",
        ),
        (
            [],
            [(GONE, "6 7 dispatched 2 aa\n7 7 dispatched 3 bb\n")],
            "of what the client sent, an earlier message comes again, instead of message 2",
        ),
        (
            [],
            [(GONE, "6 7 dispatched 2 cc\n7 7 dispatched 3 bb\n")],
            "of what the client sent, message 3 comes before message 2",
        ),
        (
            [],
            [("2 bb", "2 77")],
            "of what the client sent, message 2 has changed",
        ),
        (
            [("24 0 dispatched 2 ff", "24 0 dispatched 2 ff\n25 0 dispatched 3 ff")],
            [],
            "of what the server sent, message 3 repeats an earlier one",
        ),
        (
            [("24 0 dispatched 2 ff", "24 0 dispatched 2 ff\n25 0 dispatched 3 99")],
            [],
            "of what the server sent, message 3 was never accepted",
        ),
        (
            [("24 0 dispatched 2 ff\n", "")],
            [("25 7 acknowledged 2\n", "")],
            "of what the server sent, message 2 is lost, and the sender is not told",
        ),
        (
            [("30 0 acknowledged 4\n", "")],
            [(DISPATCHED + "\n", "")],
            "message 4 is not dispatched, and the program is not told",
        ),
        (
            [],
            [("5 7 dispatched 1 aa", "1 7 dispatched 1 aa")],
            "of what the client sent, message 1 is dispatched before it is accepted",
        ),
        (
            [],
            [("25 7 acknowledged 2", "23 7 acknowledged 2")],
            "of what the server sent, message 2 is acknowledged before it is dispatched",
        ),
        (
            [("30 0 acknowledged 4", "30 0 acknowledged 5")],
            [],
            "of what the client sent, 5 acknowledged, and 4 were dispatched",
        ),
        (
            [("30 0 acknowledged 4", "30 0 acknowledged 1")],
            [],
            "of what the client sent, 1 acknowledged, after 2",
        ),
        (
            [("21 0 resumed 2", "21 0 resumed 3")],
            [],
            "of what the client sent, 3 replayed, of 2",
        ),
        (
            [("30 0 acknowledged 4", "30 0 lost 4 4 3\n31 0 lost 4 4 3")],
            [(DISPATCHED + "\n", "")],
            "lost, and the session is lost",
        ),
        (
            [("30 0 acknowledged 4", "30 0 lost 4 4 2")],
            [(DISPATCHED + "\n", "")],
            "of what the client sent, 2 handled, and 3 were dispatched",
        ),
        (
            [("30 0 acknowledged 4", "30 0 lost 5 4 -")],
            [(DISPATCHED + "\n", "")],
            "of what the client sent, lost from 5 on, and 3 were dispatched",
        ),
        (
            [],
            [("40 7 disconnected", "40 7 lost 3 3 -\n40 7 disconnected")],
            "of what the server sent, lost up to 3, and 2 were accepted",
        ),
        (
            [],
            [("40 7 disconnected", "40 7 lost 2 2 -\n40 7 disconnected")],
            "of what the server sent, message 2 is lost, and was acknowledged",
        ),
        (
            [("30 0 acknowledged 4\n", "")],
            [(DISPATCHED + "\n", ""), ("41 end", "41 7 dispatched 4 dd\n42 end")],
            "dispatched, and the session is over",
        ),
        (
            [],
            [("21 7 resumed 2\n", ""), (DISPATCHED, DISPATCHED + "\n22 7 resumed 2")],
            "dispatched, and the session is detached",
        ),
        (
            [("1 0 connected", "1 0 connected\n1 0 connected")],
            [],
            "connected, and the session is connected",
        ),
        (
            [("21 0 resumed 2\n", "")],
            [],
            "dispatched, and the session is detached",
        ),
        (
            [("1 0 connected\n", "")],
            [],
            "detached, and the session is new",
        ),
    ],
)
def test_the_first_violation_is_shown(check, client, server, text):
    verdict = check(("client", edited(CLIENT, *client)), ("server", edited(SERVER, *server)))
    assert verdict.status == 1
    assert verdict.lines[0] == text
    shown = [line for line in verdict.lines if line.startswith(">")]
    assert len(shown) == 2  # one of each side


def test_the_earliest_violation_is_shown_with_the_lines_around_it(check):
    server = edited(SERVER, ("2 bb", "2 77"), ("4 dd", "4 cc"))
    verdict = check(("client", CLIENT), ("server", server))
    heads = [line for line in verdict.lines if line.endswith(".log")]
    assert [head.rpartition("/")[2] for head in heads] == ["client-0.log", "server-1.log"]
    assert [line for line in verdict.lines if line not in heads] == [
        "of what the client sent, message 2 has changed",
        "  1: messi-history 1 client m",
        "  2: 1 0 connected",
        "  3: 2 0 accepted 1 aa",
        "> 4: 3 0 accepted 2 bb",
        "  5: 4 0 accepted 3 cc",
        "  6: 5 0 accepted 4 dd",
        "  7: 9 0 acknowledged 2",
        "  1: messi-history 1 server m",
        "  2: 1 7 connected",
        "  3: 5 7 dispatched 1 aa",
        "> 4: 6 7 dispatched 2 77",
        "  5: 7 7 dispatched 3 cc",
        "  6: 10 7 accepted 1 ee",
        "  7: 11 7 accepted 2 ff",
    ]


def test_times_of_different_machines_are_not_compared(check):
    server = edited(SERVER, ("5 7 dispatched 1 aa", "1 7 dispatched 1 aa"))
    assert check(("client", CLIENT), ("server", server)).status == 1
    assert check(("client", CLIENT), ("server", server), clocks=("m", "n")).status == 0
    assert check(("client", CLIENT), ("server", server), clocks=("-", "-")).status == 0


LOST = """\
1 0 connected
1 0 named a/1
2 0 accepted 1 aa
3 0 accepted 2 bb
4 0 accepted 3 cc
5 0 accepted 4 dd
20 0 detached
30 0 lost 2 3 2 EXPIRED
30 0 disconnected
31 0 connected
31 0 named a/2
50 0 disconnected
51 end
"""
LOST_SERVER = """\
2 7 connected
3 7 dispatched 1 aa
3 7 named a/1
4 7 dispatched 2 bb
15 7 detached
25 7 lost 1 0 -
25 7 disconnected
31 8 connected
31 8 named a/2
32 8 dispatched 1 dd
50 8 disconnected
51 end
"""


def test_a_session_may_be_lost_if_the_program_is_told(check):
    assert check(("client", LOST), ("server", LOST_SERVER)) == Verdict(
        0, ["3 messages, promise kept"]
    )


def test_messages_that_were_lost_are_not_sent_in_the_next_session(check):
    server = edited(LOST_SERVER, ("1 dd", "1 cc"))
    verdict = check(("client", LOST), ("server", server))
    assert verdict.lines[0] == "a/2: of what the client sent, message 1 has changed"


def test_what_an_orderly_end_leaves_goes_to_the_next_session(check):
    client = edited(LOST, ("20 0 detached\n30 0 lost 2 3 2 EXPIRED\n", ""))
    server = edited(
        LOST_SERVER,
        ("15 7 detached\n25 7 lost 1 0 -\n", ""),
        ("32 8 dispatched 1 dd", "32 8 dispatched 1 cc\n32 8 dispatched 2 dd"),
    )
    assert check(("client", client), ("server", server)).status == 0
    verdict = check(("client", client), ("server", edited(server, ("32 8 dispatched 1 cc\n", ""))))
    assert verdict.status != 0


def test_what_is_left_after_the_last_session_is_told(check):
    server = edited(LOST_SERVER, ("32 8 dispatched 1 dd\n", ""))
    verdict = check(("client", LOST), ("server", server))
    assert verdict.lines[0] == "a/2: message 4 is not dispatched, and the program is not told"
    told = edited(LOST, ("51 end", "50 0 acknowledged 3\n51 end"))
    assert check(("client", told), ("server", server)).status == 0


def test_messages_may_be_lost_that_never_had_a_session(check):
    server = edited(LOST_SERVER, ("32 8 dispatched 1 dd\n", ""))
    client = edited(LOST, ("51 end", "51 0 lost 1 1 - Stopped.\n52 end"))
    assert check(("client", client), ("server", server)).status == 0
    client = edited(client, ("1 1 -", "2 2 -"))
    verdict = check(("client", client), ("server", server))
    assert verdict.lines[0] == "of what the client sent, lost up to 2, and 1 were accepted"


def test_sessions_that_only_one_side_knows(check):
    alone = "1 0 connected\n2 0 named b/1\n3 0 accepted 1 aa\n9 0 lost 1 1 -\n9 0 disconnected\n10 end\n"
    three = [("client", LOST), ("client", alone), ("server", LOST_SERVER)]
    assert check(*three).status == 0
    verdict = check(*three[:1], ("client", edited(alone, ("9 0 lost 1 1 -\n", ""))), three[2])
    assert verdict.lines[0] == "b/1: message 1 is not dispatched, and the program is not told"
    verdict = check(
        *three[:1], ("client", edited(alone, ("3 0 accepted", "3 0 dispatched"))), three[2]
    )
    assert verdict.status == 2
    assert verdict.lines[0].endswith("has session b/1, which no other log has")


def test_sessions_need_names_if_there_are_several(check):
    verdict = check(("client", LOST), ("server", edited(LOST_SERVER, ("31 8 named a/2\n", ""))))
    assert verdict.status == 2
    assert verdict.lines[0].endswith("has a session without a name, which no other log has")
    verdict = check(("client", LOST), ("server", edited(LOST_SERVER, ("a/2", "a/1"))))
    assert verdict.status == 2
    assert verdict.lines[0].endswith("has two sessions a/1")


def test_a_log_that_ends_early_is_right_as_far_as_it_goes(check):
    """Its process was killed; what it wrote last may be missing, or a part of a line."""
    server = SERVER[: SERVER.index("7 7 dispatched 3") + 9]
    assert check(("client", CLIENT), ("server", server)) == Verdict(0, ["4 messages, promise kept"])
    client = CLIENT[: CLIENT.index("4 0 accepted 3")]
    assert check(("client", client), ("server", SERVER)) == Verdict(0, ["4 messages, promise kept"])
    server = edited(server, ("2 bb", "2 cc"))
    assert check(("client", CLIENT), ("server", server)).status == 1


def joined(*hashes: int) -> str:
    result = 0
    for each in hashes:
        result = (result * check_history.FACTOR + each) % check_history.MODULUS
    return f"{result:x}"


def test_lines_may_have_many_messages_each(check):
    client = (
        "1 0 connected\n"
        f"2 0 accepted 1-3 {joined(1, 2, 3)}\n"
        f"3 0 accepted 4-5 {joined(4, 5)}\n"
        "4 0 acknowledged 4\n"
        "9 0 disconnected\n9 end\n"
    )
    server = f"1 7 connected\n2 7 dispatched 1 1\n6 7 dispatched 2-5 {joined(2, 3, 4, 5)}\n9 7 disconnected\n9 end\n"
    assert check(("client", client), ("server", server)) == Verdict(0, ["5 messages, promise kept"])
    server = edited(server, (joined(2, 3, 4, 5), joined(2, 4, 3, 5)))
    verdict = check(("client", client), ("server", server))
    assert (
        verdict.lines[0]
        == "of what the client sent, messages 1 to 5 are not dispatched as they were accepted"
    )


@pytest.mark.parametrize(
    "lines",
    [
        "1 0\n",
        "1 0 accepted\n",
        "1 0 accepted 2 aa\n",
        "x 0 connected\n",
        "1 0 danced\n",
        "1 0 resumed\n",
    ],
)
def test_what_is_no_log_is_refused(check, lines):
    verdict = check(("client", lines), ("server", SERVER))
    assert verdict.status == 2
    assert verdict.lines[0].endswith("client-0.log:2 is no line of a history")


def test_arguments_that_make_no_sense(tmp_path, capsys):
    assert check_history.main([]) == 2
    assert "usage: check_history LOG LOG..." in capsys.readouterr().err
    assert check_history.main([str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "No such file" in capsys.readouterr().err
    (tmp_path / "a").write_text("What is this?\n")
    assert check_history.main([str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/a:1 is no line of a history\n"
