from messi_runtime import DisconnectReason


def test_reasons_are_printed_as_sentences():
    assert [str(reason) for reason in DisconnectReason] == [
        "Message encode error.",
        "Message decode error.",
        "Connection closed.",
        "Keep alive timeout.",
        "General error.",
        "Message too big.",
        "Slow reader.",
        "Protocol error.",
        "Too many clients.",
        "Stopped.",
        "Disconnected.",
        "Too much sent at once.",
        "Refused.",
        "Not authenticated.",
        "Draining.",
        "Frame too slow.",
        "Too many pings.",
        "Too much queued.",
        "Too many clients from this address.",
        "Too many connections at once.",
        "Session lost.",
        "Schema mismatch.",
        "Replaced.",
    ]
