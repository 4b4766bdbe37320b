import asyncio
import sys

import chat_pb2
from chat_server import ChatServer
from messi_runtime import ServerOptions, SessionMode
from python_endpoint import Counter, handle_stream_command, parse_options, report, report_loss, run, stream


class Server(ChatServer):
    def __init__(self, uri, options):
        super().__init__(uri, options=options)
        self._counter = Counter()

    async def listen(self):
        try:
            await self.start()
        except OSError as error:
            report("failed", error)
            sys.exit(1)
        report("listening", self.port)

    async def on_client_connected(self, client):
        report("connected", client.id)

    async def on_client_disconnected(self, client, reason):
        report("disconnected", client.id, reason)

    async def on_client_detached(self, client, reason):
        report("detached", client.id, reason)

    async def on_client_resumed(self, client, replayed):
        report("resumed", client.id, replayed)

    async def on_client_session_lost(self, client, loss):
        report_loss(loss, client.id)

    async def on_unknown_message(self, client, field_number):
        report("unknown", client.id, field_number)

    async def on_connect_req(self, client, message):
        report("message", client.id, "connect_req", message.SerializeToString().hex())
        self.reply(chat_pb2.ConnectRsp())

    async def on_message_ind(self, client, message):
        if self._counter.handle_text(message.text):
            return
        report("message", client.id, "message_ind", message.SerializeToString().hex())
        self.broadcast(message)

    def handle_command(self, words):
        if handle_stream_command(words, self._start_stream, self._counter):
            return
        match words:
            case ["send", client_id, *message]:
                if (client := self.find_client(int(client_id))) is not None:
                    client.send(message_from(message))
            case ["broadcast", *message]:
                self.broadcast(message_from(message))
            case ["flood", count, size]:
                for _ in range(int(count)):
                    self._broadcast_text("." * int(size))
                report("flooded", count)
            case ["disconnect", client_id]:
                if (client := self.find_client(int(client_id))) is not None:
                    client.disconnect()
            case ["drain", seconds]:
                self.drain(float(seconds))
            case ["accept", client_id]:
                if (client := self.find_arriving(int(client_id))) is not None:
                    client.accept()
            case ["refuse", client_id, *text]:
                if (client := self.find_arriving(int(client_id))) is not None:
                    client.refuse(" ".join(text))
            case ["start"]:
                self._start_task = asyncio.create_task(self.listen())
            case ["stop"]:
                self.stop()
            case _:
                report("bad command:", *words)

    def _start_stream(self, size, **limits):
        self._stream_task = asyncio.create_task(stream(self._broadcast_text, self._blocked, size, **limits))

    def _broadcast_text(self, text):
        self.broadcast(chat_pb2.MessageInd(text=text))

    def _blocked(self):
        return not self.clients or any(client.pending_bytes > 64 * 1024 for client in self.clients)


class AskingServer(Server):
    async def on_authenticate(self, client):
        report("asked", client.id)

    async def on_client_refused(self, peer_address, reason):
        report("refused", reason)


def message_from(words):
    """["message_ind", "120161"] or ["connect_rsp"] -> the message"""
    types = {"connect_rsp": chat_pb2.ConnectRsp, "message_ind": chat_pb2.MessageInd}
    return types[words[0]].FromString(bytes.fromhex("".join(words[1:])))


async def main():
    given = parse_options()
    options = ServerOptions(max_payload_size=given.max_payload, max_clients=given.max_clients,
                            session=SessionMode[given.session.upper()], handshake=given.handshake)
    server = (AskingServer if given.authenticate else Server)(given.uri, options)
    await server.listen()
    await run(server.handle_command)


asyncio.run(main())
