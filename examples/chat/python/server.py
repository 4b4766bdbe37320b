#!/usr/bin/env python3
"""A chat room: what one client says, all clients hear."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import chat_pb2
from chat_server import ChatServer, ChatServerClient
from messi_runtime import DisconnectReason, ServerOptions, SessionMode, TlsConfig

# In seconds. What was said before a SIGTERM is heard, then all clients are let go.
DRAIN_DEADLINE = 10


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


async def main(uri: str, options: ServerOptions) -> None:
    server = Server(uri, options=options)
    await server.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.drain, DRAIN_DEADLINE)
    say(f"Listening at {server.uri}")
    await server.wait_stopped()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uri", nargs="?", default="tcp://127.0.0.1:6000")
    parser.add_argument("--session", action="store_true", help="let clients have sessions")
    parser.add_argument("--ca", help="for tls://: clients need a certificate from these authorities")
    parser.add_argument("--cert", help="the server's certificate, for tls://")
    parser.add_argument("--key", help="the certificate's key")
    given = parser.parse_args()
    try:
        tls = TlsConfig(ca=given.ca, certificate=given.cert, key=given.key)
        session = SessionMode.PREFER if given.session else SessionMode.OFF
        asyncio.run(main(given.uri, ServerOptions(tls=tls, session=session)))
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError) as error:
        sys.exit(str(error))
