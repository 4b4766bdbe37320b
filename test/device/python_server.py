"""The device of on_socket.cc and the Python server call each other in a session whose connections are cut after 600 bytes.

    python python_server.py --protoc protoc --plugin protoc-gen-messi --directory <where to generate> <the device's program>
"""

import argparse
import asyncio
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RUNTIME = HERE.parents[1] / "runtime"
CALLS = 100
BYTES_A_CONNECTION = 600
PATIENCE = 60
SOON = 10


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protoc", required=True)
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--directory", required=True, type=pathlib.Path)
    parser.add_argument("device")
    arguments = parser.parse_args()
    generate(arguments)
    sys.path.insert(0, str(arguments.directory))
    return asyncio.run(asyncio.wait_for(run(arguments.device), PATIENCE))


def generate(arguments):
    out = arguments.directory
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    protoc = [arguments.protoc, f"-I{HERE.parent / 'calls'}", f"-I{RUNTIME}", f"--python_out={out}"]
    subprocess.run([*protoc, "messi/options.proto"], check=True)
    plugin = f"--plugin=protoc-gen-messi={arguments.plugin}"
    subprocess.run([*protoc, plugin, f"--messi_out={out}", "--messi_opt=lang=python", "calls.proto"], check=True)


async def run(device):
    import calls_pb2
    from calls_server import CallsServer
    from messi_runtime import ServerOptions, SessionMode

    class Server(CallsServer):
        answers = 0
        asking = None
        lost = []

        # If the answer to the end of the device's session is cut, it comes back, gets another session, and ends that.
        async def on_client_connected(self, client):
            if self.asking is None:
                self.asking = asyncio.create_task(self.ask(client))

        async def ask(self, client):
            for number in range(CALLS):
                answer = await client.call_ask_req(calls_pb2.AskReq(text=str(number)), PATIENCE)
                assert answer.text == str(number), answer
                self.answers += 1
            while self.echoes < CALLS:
                await self.all_echoed.wait()
            client.send_news(calls_pb2.Text(text="done"))

        echoes = 0
        all_echoed = asyncio.Event()

        async def on_echo_req(self, client, message):
            self.reply(calls_pb2.EchoRsp(text=message.text))
            self.echoes += 1
            if self.echoes == CALLS:
                self.all_echoed.set()

        async def on_client_session_lost(self, client, loss):
            self.lost.append(loss)

        ended = asyncio.Event()

        async def on_client_disconnected(self, client, reason):
            self.ended.set()

    server = Server("tcp://127.0.0.1:0", options=ServerOptions(session=SessionMode.PREFER))
    await server.start()
    relay = await asyncio.start_server(lambda *link: cut(int(server.uri.rpartition(":")[2]), *link), "127.0.0.1", 0)
    port = relay.sockets[0].getsockname()[1]
    process = await asyncio.create_subprocess_exec(device, str(port), str(CALLS), stdout=subprocess.PIPE)
    try:
        said = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
    relay.close()
    await asyncio.wait_for(server.ended.wait(), SOON)  # and not when the session's time is up
    server.stop_now()
    print(said, end="")
    match = re.fullmatch(rf"{CALLS} answered, {CALLS} heard, (\d+) connections\n", said)
    assert process.returncode == 0 and match, process.returncode
    assert (server.answers, server.echoes, server.lost) == (CALLS, CALLS, []), vars(server)
    assert int(match[1]) >= 10, "the connections were not cut"
    return 0


async def cut(port, reader, writer):
    """Passes on what both sides send, until that is too much."""
    its_reader, its_writer = await asyncio.open_connection("127.0.0.1", port)
    left = BYTES_A_CONNECTION

    async def pass_on(source, target):
        nonlocal left
        while left > 0 and (data := await source.read(left)):
            data = data[:left]
            left -= len(data)
            target.write(data)
            await target.drain()

    ways = [asyncio.create_task(pass_on(reader, its_writer)), asyncio.create_task(pass_on(its_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        writer.close()
        its_writer.close()


if __name__ == "__main__":
    sys.exit(main())
