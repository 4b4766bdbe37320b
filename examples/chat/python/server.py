#!/usr/bin/env python3
"""A chat room: what one client says, all clients hear."""

from __future__ import annotations

import asyncio
import sys

import chat_pb2
from chat_server import ChatServer, ChatServerClient
from messi_runtime import DisconnectReason


class Server(ChatServer):
    async def on_connect_req(self, client: ChatServerClient, message: chat_pb2.ConnectReq) -> None:
        client.state = message.user
        say(f"<{message.user}> is here.")
        client.send(chat_pb2.ConnectRsp())

    async def on_message_ind(self, client: ChatServerClient, message: chat_pb2.MessageInd) -> None:
        self.broadcast(message)

    async def on_client_disconnected(
        self, client: ChatServerClient, reason: DisconnectReason
    ) -> None:
        say(f"<{client.state or ''}> has gone: {reason}")


def say(line: str) -> None:
    print(line, flush=True)


async def main(uri: str) -> None:
    server = Server(uri)
    await server.start()
    say(f"Listening at {server.uri}")
    await server.wait_stopped()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:6000"))
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError) as error:
        sys.exit(str(error))
