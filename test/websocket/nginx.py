"""usage: nginx.py <folder of the chat example>

A chat through nginx, configured as doc/websocket.md says. Debian's package of nginx would start a server, so only its program is taken
out of it.
"""

import asyncio
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from programs import Program

HERE = pathlib.Path(__file__).resolve().parent


def installed_or_unpacked(folder):
    if program := shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        return program
    for package in ("nginx", "nginx-light"):  # before Debian 12, and in Ubuntu 22.04, the first one is empty
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run(["apt-get", "-qq", "download", package], cwd=folder, check=True, capture_output=True)
            deb, = pathlib.Path(folder).glob(f"{package}_*.deb")
            subprocess.run(["dpkg", "-x", deb, folder], check=True)
            program = f"{folder}/usr/sbin/nginx"
            subprocess.run([program, "-v"], check=True, capture_output=True)
            return program
    return None


def location():
    """From the page, for another port."""
    page = (HERE.parent.parent / "doc/websocket.md").read_text(encoding="utf-8")
    return re.search(r"^```nginx\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]


async def talk(folder, nginx):
    async with Program.run(folder / "chat_server", "ws://127.0.0.1:0/chat") as server:
        uri = (await server.hear("Listening at ")).removeprefix("Listening at ")
        port = uri.split(":")[2].split("/")[0]
        # nginx takes over a socket that listens already, as from the nginx before it. So the kernel chooses the port.
        listening = socket.create_server(("127.0.0.1", 0))
        front = listening.getsockname()[1]
        listening.setblocking(False)
        listening.set_inheritable(True)
        with listening, tempfile.TemporaryDirectory(prefix="messi-nginx-") as work:
            (pathlib.Path(work) / "nginx.conf").write_text(f"""
                daemon off; pid {work}/pid; error_log {work}/log;
                events {{}}
                http {{
                  access_log off;
                  client_body_temp_path {work}/a; proxy_temp_path {work}/b; fastcgi_temp_path {work}/c;
                  uwsgi_temp_path {work}/d; scgi_temp_path {work}/e;
                  server {{ listen 127.0.0.1:{front}; {location().replace("7844", port)} }}
                }}""")
            passing = {"env": {**os.environ, "NGINX": f"{listening.fileno()};"}, "pass_fds": [listening.fileno()]}
            command = [nginx, "-p", work, "-c", f"{work}/nginx.conf", "-e", f"{work}/log"]
            # Its worker goes only if it is asked.
            async with Program.run(*command, end=signal.SIGTERM, **passing):
                async with Program.run(folder / "chat_client", "erik", f"ws://127.0.0.1:{front}/chat") as client:
                    await client.hear("Connected to the server.")
                    client.say("Hello!")
                    await client.hear("<erik> Hello!")
                    assert await client.end() == 0
                await server.hear("<erik> has gone: Connection closed.")
                # A client that is told to go hears why.
                async with Program.run(folder / "chat_client", "alice", f"ws://127.0.0.1:{front}/chat") as client:
                    await client.hear("Connected to the server.")
                    server.interrupt()
                    await client.hear("Disconnected: Draining.")


def main():
    with tempfile.TemporaryDirectory(prefix="messi-nginx-") as folder:
        nginx = installed_or_unpacked(folder)
        if nginx is None:
            print("SKIPPED: there is no nginx, and apt-get cannot download it")
            return 77
        asyncio.run(talk(pathlib.Path(sys.argv[1]), nginx))
    return 0


sys.exit(main())
