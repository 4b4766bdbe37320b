"""A program for the original's Python client. It must run with messi's unchanged."""

import asyncio

import my_protocol_client
from python_endpoint import parse_options, report, run


class Client(my_protocol_client.MyProtocolClient):
    async def on_connected(self):
        report("connected")
        self.init_foo_req()
        self.send()

    async def on_disconnected(self):
        report("disconnected")

    async def on_foo_rsp(self, message):
        report("message foo_rsp")
        self.init_bar_ind()
        self.send()
        self.send()

    async def on_fie_req(self, message):
        report("message fie_req")
        self.init_fie_rsp()
        self.send()


async def main():
    client = Client(parse_options().uri)
    client.start()
    await run(lambda words: report("bad command:", *words))


asyncio.run(main())
