import asyncio

import chat_pb2
from chat_client import ChatClient
from messi_runtime import CallError, ClientOptions, SessionMode
from python_endpoint import Counter, handle_stream_command, parse_options, report, report_loss, run, stream


class Client(ChatClient):
    def __init__(self, uri, options):
        super().__init__(uri, options=options)
        self._counter = Counter()
        self._stop_when_disconnected = False
        self._calls = []

    async def on_connected(self):
        report("connected")

    async def on_disconnected(self, reason):
        report("disconnected", reason)
        if self._stop_when_disconnected:
            self.stop()

    async def on_detached(self, reason):
        report("detached", reason)

    async def on_resumed(self, replayed):
        report("resumed", replayed)

    async def on_session_lost(self, loss):
        report_loss(loss)

    async def on_connect_failure(self, exception):
        report("failed", exception)
        return await super().on_connect_failure(exception)

    async def on_unknown_message(self, field_number):
        report("unknown", field_number)

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
                self.send(chat_pb2.ConnectReq.FromString(bytes.fromhex("".join(rest))))
            case ["send", "message_ind", *rest]:
                self.send(chat_pb2.MessageInd.FromString(bytes.fromhex("".join(rest))))
            case ["call", "connect_req", seconds, *rest]:
                request = chat_pb2.ConnectReq.FromString(bytes.fromhex("".join(rest)))
                task = asyncio.create_task(self._call(request, float(seconds)))
                self._calls.append(task)
            case ["start"]:
                self.start()
            case ["stop"]:
                self.stop()
            case ["stop_when_disconnected"]:
                self._stop_when_disconnected = True
            case _:
                report("bad command:", *words)

    async def _call(self, request, seconds):
        number = len(self._calls)
        try:
            answer = await self.call_connect_req(request, seconds)
            report(f"answer {number} connect_rsp", answer.SerializeToString().hex())
        except CallError as error:
            report("unanswered", number, int(error.code), error.text)

    def _start_stream(self, size, **limits):
        self._stream_task = asyncio.create_task(stream(self._send_text, self._blocked, size, **limits))

    def _send_text(self, text):
        self.send(chat_pb2.MessageInd(text=text))

    def _blocked(self):
        return not self.connected or self.pending_bytes > 64 * 1024


async def main():
    given = parse_options()
    client = Client(given.uri, ClientOptions(
        max_payload_size=given.max_payload, session=SessionMode[given.session.upper()], handshake=given.handshake))
    client.start()
    await run(client.handle_command)


asyncio.run(main())
