"""usage: interop.py <folder of the chat example> <server> <client>

A server of ours with a client of Python's websockets, and the other way round.
"""

import asyncio
import pathlib
import sys

from programs import CONNECT_RSP, PING, PONG, SOON, Frames, Program, connect_req, message
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus


async def next_frame(socket, frames):
    """The next one that is no ping or pong."""
    while True:
        for each in frames:
            if each == PING:
                await socket.send(PONG)
            elif each != PONG:
                return each
        frames.add(await asyncio.wait_for(socket.recv(), SOON))


async def with_our_server(server):
    async with Program.run(server, "ws://127.0.0.1:0/chat") as program:
        uri = (await program.hear("Listening at ")).removeprefix("Listening at ")
        async with connect(uri, subprotocols=["messi.v1"]) as socket:
            assert socket.subprotocol == "messi.v1"
            frames = Frames()
            # One frame in several messages, of which one is in several frames, and several frames in one message.
            request = PING + connect_req(b"erik")
            await socket.send(request[:3])
            await socket.send([request[3:7], b"", request[7:9]])
            await socket.send(request[9:])
            assert await next_frame(socket, frames) == CONNECT_RSP
            await program.hear("<erik> is here.")
            text = b"x" * 100
            await socket.send(message(1, b"erik", b"one") + message(1, b"erik", text))
            for said in (b"one", text):
                heard = await next_frame(socket, frames)
                assert heard == message(2, b"erik", said), heard
            await asyncio.wait_for(await socket.ping(b"are you there?"), SOON)
        assert socket.close_code == 1000, socket.close_code
        await program.hear("<erik> has gone: Connection closed.")

        async with connect(uri) as socket:
            assert socket.subprotocol is None
            await socket.send("text")
            try:
                await asyncio.wait_for(socket.recv(), SOON)
                raise AssertionError("text was taken")
            except ConnectionClosed as closed:
                assert closed.rcvd.code == 1003 and closed.rcvd.reason == "a message is text", closed
        async with connect(uri, origin="https://evil.example") as socket:
            try:
                await asyncio.wait_for(socket.recv(), SOON)
                raise AssertionError("the origin was taken")
            except ConnectionClosed as closed:
                assert closed.rcvd.code == 1008, closed
        try:
            await connect(uri + "/elsewhere")
            raise AssertionError("the path was taken")
        except InvalidStatus as refused:
            assert refused.response.status_code == 404, refused


async def with_our_client(client):
    closed = asyncio.Future()

    async def chat(socket):
        frames = Frames()
        async for some in socket:
            frames.add(some)
            for each in frames:
                if each == PING:
                    await socket.send(PONG)
                elif each == connect_req(b"erik"):
                    await socket.send(CONNECT_RSP)
                elif each[:1] == b"\x01":
                    # In fragments, and with a ping between them.
                    answer = b"\x02" + each[1:]
                    await socket.send([answer[:5], answer[5:]])
                    await asyncio.wait_for(await socket.ping(), SOON)
        closed.set_result((socket.subprotocol, socket.close_code))

    async with serve(chat, "127.0.0.1", 0, subprotocols=["messi.v1"]) as server:
        port = server.sockets[0].getsockname()[1]
        async with Program.run(client, "erik", f"ws://127.0.0.1:{port}/some/where?x=y") as program:
            await program.hear("Connected to the server.")
            program.say("Hello!")
            await program.hear("<erik> Hello!")
            assert await program.end() == 0
            assert await asyncio.wait_for(closed, SOON) == ("messi.v1", 1000)


async def main(folder, server, client):
    await with_our_server(pathlib.Path(folder) / f"chat_{server}")
    await with_our_client(pathlib.Path(folder) / f"chat_{client}")


asyncio.run(main(*sys.argv[1:]))
