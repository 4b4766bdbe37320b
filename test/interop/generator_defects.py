"""What breaks in the original's generator."""

MESSAGE = "message Hi {}"
TO_SERVER = "message ClientToServer { oneof messages { Hi hi = 1; } }"
TO_CLIENT = "message ServerToClient { oneof messages { Hi hi = 1; } }"

# Each takes a Generator and returns (what was seen, whether that is as it should be).


def missing_message_is_silent(generator):
    """without one of the two messages nothing is generated, silently"""
    seen = [generator.run(MESSAGE, message) for message in (TO_SERVER, TO_CLIENT)]
    silent = [said for status, said in seen if status == 0]
    return ("says nothing" if silent == ["", ""] else seen[0][1]), not silent


def errors_without_line(generator):
    """errors do not say in which line"""
    _, said = generator.run(MESSAGE, TO_SERVER.replace("messages", "message"), TO_CLIENT)
    return said, said.startswith("given.proto:3:26: ")


ALL = [missing_message_is_silent, errors_without_line]
