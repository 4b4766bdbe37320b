import pytest

from messi_runtime import parse_tcp_uri
from messi_runtime.uri import TcpAddress, UnixAddress, parse_uri

FORMS = "tcp://<host>:<port>, tls://<host>:<port>, unix://<path> or unix-abstract:<name>"


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("tcp://127.0.0.1:6000", TcpAddress("127.0.0.1", 6000)),
        ("tcp://:6000", TcpAddress("", 6000)),
        ("tcp://example.com:0", TcpAddress("example.com", 0)),
        ("tcp://[::1]:65535", TcpAddress("::1", 65535)),
        (f"tcp://{'a' * 250}:1", TcpAddress("a" * 250, 1)),
        ("unix:///run/chat", UnixAddress("/run/chat")),
        ("unix://chat", UnixAddress("chat")),
    ],
)
def test_a_uri_says_where_and_is_said_by_it(uri, address):
    assert parse_uri(uri) == address
    assert str(address) == uri


@pytest.mark.parametrize(
    ("uri", "what"),
    [
        ("foo://127.0.0.1:6000", "the scheme is unknown"),
        ("", "the scheme is unknown"),
        ("ws://127.0.0.1:6000", "there is no WebSocket in Python"),
        ("wss://127.0.0.1:6000/chat", "there is no WebSocket in Python"),
        ("tcp://127.0.0.1 6000", "the port is missing"),
        ("tcp://127.0.0.1", "the port is missing"),
        ("tcp://127.0.0.1:", "the port is missing"),
        ("tcp://127.0.0.1:x", "the port is not a number"),
        ("tcp://127.0.0.1:-1", "the port is not a number"),
        ("tcp://127.0.0.1:65536", "the port is larger than 65535"),
        ("tcp://127.0.0.1:96537", "the port is larger than 65535"),
        (f"tcp://127.0.0.1:{'9' * 5000}", "the port is larger than 65535"),
        ("tcp://::1:6000", "an IPv6 address must be in brackets"),
        ("tcp://[::1:6000", "an address in brackets must be [<IPv6 address>]"),
        ("tcp://[]:6000", "an address in brackets must be [<IPv6 address>]"),
        ("tcp://a/b:6000", "there is a character in the host that does not belong there"),
        ("unix://", "the path is missing"),
        (f"unix://{'x' * 108}", "the path is longer than 107 bytes"),
        ("unix://a\0b", "there is a NUL byte in it"),
    ],
)
def test_a_wrong_uri_is_an_error_that_says_what_is_expected(uri, what):
    with pytest.raises(ValueError) as raised:
        parse_uri(uri)
    expected = f'"{uri}": {what}; expected {FORMS}'
    assert str(raised.value) == expected


def test_the_originals_function_gives_host_and_port():
    assert parse_tcp_uri("tcp://127.0.0.1:6000") == ("127.0.0.1", 6000)
    assert parse_tcp_uri("tcp://:6000") == ("", 6000)


@pytest.mark.parametrize("uri", ["foo://127.0.0.1:6000", "tcp://127.0.0.1 6000", "unix://x"])
def test_the_originals_function_says_what_it_expected(uri):
    with pytest.raises(ValueError) as raised:
        parse_tcp_uri(uri)
    expected = f"Expected URI on the form tcp://<host>:<port>, but got '{uri}'."
    assert str(raised.value) == expected
