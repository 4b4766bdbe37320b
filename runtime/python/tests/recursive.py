"""A protocol of messages in messages, which the example has not."""

import asyncio

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from messi_runtime import ServerBase, ServerClient

_FIELD = descriptor_pb2.FieldDescriptorProto


def _build():
    file = descriptor_pb2.FileDescriptorProto(
        name="recursive.proto", package="recursive", syntax="proto3"
    )
    tree = file.message_type.add(name="Tree")
    for name, value in (("NamesEntry", None), ("TreesEntry", ".recursive.Tree")):
        entry = tree.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
        entry.field.add(
            name="value",
            number=2,
            type=_FIELD.TYPE_MESSAGE if value else _FIELD.TYPE_STRING,
            type_name=value,
            label=_FIELD.LABEL_OPTIONAL,
        )
    _add_message(tree, "sub", 1, ".recursive.Tree")
    tree.field.add(name="text", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    for name, number, entry in (("names", 3, "NamesEntry"), ("trees", 4, "TreesEntry")):
        member = _add_message(tree, name, number, f".recursive.Tree.{entry}")
        member.label = _FIELD.LABEL_REPEATED
    for direction in ("ClientToServer", "ServerToClient"):
        message = file.message_type.add(name=direction)
        message.oneof_decl.add(name="messages")
        _add_message(message, "tree", 1, ".recursive.Tree").oneof_index = 0
    return file


def _add_message(message, name, number, type_name):
    return message.field.add(
        name=name,
        number=number,
        type=_FIELD.TYPE_MESSAGE,
        type_name=type_name,
        label=_FIELD.LABEL_OPTIONAL,
    )


_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_build())


def _class_of(name):
    descriptor = _POOL.FindMessageTypeByName(f"recursive.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_POOL).GetPrototype(descriptor)


Tree = _class_of("Tree")
ClientToServer = _class_of("ClientToServer")
ServerToClient = _class_of("ServerToClient")


class RecursiveServerClient(ServerClient, sends=ServerToClient):
    pass


class RecursiveServer(ServerBase, client=RecursiveServerClient, receives=ClientToServer):
    def __init__(self, options=None):
        super().__init__("tcp://127.0.0.1:0", options=options)
        self.messages = asyncio.Queue()
        self.reasons = asyncio.Queue()
        self.received = []

    async def on_tree(self, client, message):
        self.received.append(message)
        self.messages.put_nowait(message)

    async def on_client_disconnected(self, client, reason):
        self.reasons.put_nowait(reason)


def field(number, data):
    """A field of bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def tree(levels, innermost=b"\x12\x01x"):
    """A Tree with that many in it."""
    data = innermost
    for _ in range(levels):
        data = field(1, data)
    return data


def _varint(value):
    encoded = b""
    while value > 127:
        encoded += bytes([value & 127 | 128])
        value >>= 7
    return encoded + bytes([value])
