import asyncio

import my_protocol_pb2
from my_protocol_server import MyProtocolServer
from python_endpoint import parse_options, report, run


class Server(MyProtocolServer):
    async def on_client_connected(self, client):
        client.state = 0  # the number of BarInds
        report("connected", client.id)

    async def on_client_disconnected(self, client, reason):
        report("disconnected", client.id, reason)

    async def on_foo_req(self, client, message):
        report("message", client.id, "foo_req")
        self.reply(my_protocol_pb2.FooRsp())

    async def on_bar_ind(self, client, message):
        report("message", client.id, "bar_ind")
        client.state += 1
        if client.state == 2:
            client.send(my_protocol_pb2.FieReq())

    async def on_fie_rsp(self, client, message):
        report("message", client.id, "fie_rsp")
        client.disconnect()


async def main():
    server = Server(parse_options().uri)
    await server.start()
    report("listening", server.port)
    await run(lambda words: report("bad command:", *words))


asyncio.run(main())
