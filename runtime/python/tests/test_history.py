from __future__ import annotations

import re

import pytest

from messi_runtime import check_history
from messi_runtime.history import History

# As in test/testing/history_test.cc.
WRITTEN = """\
messi-history 1 client CLOCK
TIME 0 accepted 1 5a38ece4b
TIME 0 connected
TIME 0 named alice/1
TIME 0 accepted 2 0
TIME 0 dispatched 1 2d8932aac
TIME 0 acknowledged 1
TIME 0 detached Connection closed.
TIME 0 resumed 1
TIME 0 lost 2 2 1 EXPIRED
TIME 0 disconnected
TIME 0 acknowledged 1
TIME end
"""
WRITTEN_IN_RUNS = """\
messi-history 1 client CLOCK
TIME 0 connected
TIME 1 connected
TIME 0 accepted 1-3 78e8fe62ed70d69e
TIME 0 dispatched 1-3 78e8fe62ed70d69e
TIME 0 dispatched 4 2d8932aac
TIME 0 disconnected
TIME 1 accepted 1 2d8932aac
TIME 1 dispatched 1 2d8932aac
TIME end
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history"


def written(path) -> str:
    title, *lines = path.read_text().splitlines()
    title = re.sub(r"client [-\w]+$", "client CLOCK", title)
    lines = [re.sub(r"^\d+\.\d{6} ", "TIME ", line) for line in lines]
    return "\n".join([title, *lines, ""])


def test_a_history_has_a_line_for_each_event(path):
    history = History(path, "client")
    history.sending(0, b"early")
    history.connected(0)
    history.named(0, "alice/1")
    history.sending(0, b"")
    history.sending(0, b"refused")
    history.not_sent(0)
    history.dispatched(0, b"hi")
    history.unacknowledged(0, 1)
    history.unacknowledged(0, 1)
    history.detached(0, "Connection closed.")
    history.resumed(0, 1)
    history.lost(0, 2, 2, 1, "EXPIRED")
    history.disconnected(0)
    history.unacknowledged(0, 1)
    history.close()
    assert written(path) == WRITTEN


def test_messages_may_share_a_line(path):
    history = History(path, "client", messages_per_line=3)
    history.connected(0)
    history.connected(1)
    for content in [b"a", b"bb", b"ccc", b"hi"]:
        history.sending(0, content)
        if content == b"hi":
            history.not_sent(0)
        history.dispatched(0, content)
    history.sending(1, b"hi")
    history.disconnected(0)
    history.dispatched(1, b"hi")
    history.close()
    assert written(path) == WRITTEN_IN_RUNS


@pytest.mark.parametrize("messages_per_line", [1, 3, 1000])
def test_what_is_written_can_be_checked(tmp_path, capsys, messages_per_line):
    client = History(tmp_path / "client", "client")
    server = History(tmp_path / "server", "server", messages_per_line)
    client.connected("c")
    server.connected(5)
    for number in range(10):
        client.sending("c", b"%d" % number)
        server.dispatched(5, b"%d" % number)
    for history, key in [(client, "c"), (server, 5)]:
        history.unacknowledged(key, 0)
        history.disconnected(key, "Stopped.")
        history.close()
    assert check_history.main([str(tmp_path / "client"), str(tmp_path / "server")]) == 0
    assert capsys.readouterr().out == "10 messages, promise kept\n"
