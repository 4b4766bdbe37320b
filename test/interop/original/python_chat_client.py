"""A program for the original's Python client. It must run with messi's unchanged."""

import asyncio

import chat_client
import chat_pb2
from python_endpoint import Counter, handle_stream_command, parse_options, report, run, stream


class Client(chat_client.ChatClient):
    def __init__(self, uri):
        super().__init__(uri)
        self._counter = Counter()

    async def on_connected(self):
        report("connected")

    async def on_disconnected(self):
        report("disconnected")

    async def on_connect_rsp(self, message):
        report("message connect_rsp", message.SerializeToString().hex())

    async def on_message_ind(self, message):
        if not self._counter.handle_text(message.text):
            report("message message_ind", message.SerializeToString().hex())

    def handle_command(self, words):
        if handle_stream_command(words, self._start_stream, self._counter):
            return
        match words:
            case ["send", "connect_req", *rest]:
                self.init_connect_req().CopyFrom(chat_pb2.ConnectReq.FromString(bytes.fromhex("".join(rest))))
                self.send()
            case ["send", "message_ind", *rest]:
                self.init_message_ind().CopyFrom(chat_pb2.MessageInd.FromString(bytes.fromhex("".join(rest))))
                self.send()
            case ["start"]:
                self.start()
            case ["stop"]:
                self.stop()
            case _:
                report("bad command:", *words)

    def _start_stream(self, size, **limits):
        self._stream_task = asyncio.create_task(stream(self._send_text, self._blocked, size, **limits))

    def _send_text(self, text):
        self.init_message_ind().text = text
        self.send()

    def _blocked(self):
        # Neither has a public name for it in common.
        if hasattr(self, "pending_bytes"):
            return not self.connected or self.pending_bytes > 64 * 1024
        return self._writer is None or self._writer.transport.get_write_buffer_size() > 64 * 1024


async def main():
    client = Client(parse_options().uri)
    client.start()
    await run(client.handle_command)


asyncio.run(main())
