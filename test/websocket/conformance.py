"""usage: conformance.py <messi_websocket_echo> server|client|stream

Autobahn's cases, by kosoku. "server" and "client" are the runtime's upgrade and engine, with messages put together in echo.cc, so that
cases with text can run too. "stream" is a server's stream as programs have it, which knows no messages; there are fewer cases for it.
"""

import asyncio
import collections
import contextlib
import os
import sys

from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

EXCLUDED = [
    "12.*", "13.*",  # compression, which is an extension
    "2.10", "2.11",  # ten pings at once, of which RFC 6455 lets us answer the last one only
]
# Pings, reserved bits and opcodes, and closing. What needs messages of a certain size, or text, is not there.
OF_STREAMS = ["1.2.2", "1.2.3", "1.2.4", "1.2.5", "2.*", "3.*", "4.*", "7.1.2", "7.1.3", "7.1.4", "7.3.*", "7.5.*", "7.7.*", "7.9.*"]
# Cases that end in another way than the suite expects, and in one that it accepts.
#   6.4.*: text that is not UTF-8 is refused at its end, not at once.
#   3.* and 4.*, of streams: they begin with text, which is refused.
FINE = {"OK", "INFORMATIONAL", "NON-STRICT"}
PATIENCE = 200.0  # seconds


async def main(program, what):
    if what == "client":
        async with run_fuzzingserver(None, EXCLUDED) as server:
            client = await asyncio.create_subprocess_exec(program, "client", str(server.port))
            with stopping(client):
                results = await server.get_result()
                if await client.wait() != 0:
                    sys.exit("the client has failed")
    else:
        server = await asyncio.create_subprocess_exec(program, what, stdout=asyncio.subprocess.PIPE)
        with stopping(server):
            port = (await server.stdout.readline()).decode().split()[1]
            include = OF_STREAMS if what == "stream" else None
            results = await run_fuzzingclient(f"ws://127.0.0.1:{port}", include, EXCLUDED, concurrency=8)
    return results


@contextlib.contextmanager
def stopping(process):
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def judge(results, most, fewest):
    counts = collections.Counter(result.behavior.value for result in results)
    print(f"{len(results)} cases:", ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    wrong = [result for result in results if result.behavior.value not in FINE]
    for result in wrong:
        print(f"{result.case_id}: {result.behavior.value}, {result.behavior_close.value}: {result.result}")
    return 1 if wrong or len(results) < fewest or counts["NON-STRICT"] > most else 0


if __name__ == "__main__":
    try:
        outcome = asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), PATIENCE))
    except FailureError as failure:
        outcome = failure.results
    status = judge(outcome, most=9, fewest=62) if sys.argv[2] == "stream" else judge(outcome, most=4, fewest=299)
    # Threads of kosoku's may abort a process whose Python ends in order.
    sys.stdout.flush()
    os._exit(status)
