import asyncio

import my_protocol_pb2
from my_protocol_client import MyProtocolClient
from python_endpoint import parse_options, report, run


class Client(MyProtocolClient):
    async def on_connected(self):
        report("connected")
        self.send(my_protocol_pb2.FooReq())

    async def on_disconnected(self, reason):
        report("disconnected", reason)

    async def on_foo_rsp(self, message):
        report("message foo_rsp")
        self.send(my_protocol_pb2.BarInd())
        self.send(my_protocol_pb2.BarInd())

    async def on_fie_req(self, message):
        report("message fie_req")
        self.send(my_protocol_pb2.FieRsp())


async def main():
    client = Client(parse_options().uri)
    client.start()
    await run(lambda words: report("bad command:", *words))


asyncio.run(main())
