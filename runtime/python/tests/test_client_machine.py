import asyncio
import pathlib
import random
from unittest.mock import patch

from support import PONG, Client, Listener
from virtual_time import run

from messi_runtime import DisconnectReason
from messi_runtime.client_machine import STEPS, ClientEvent, ClientState

TABLE = pathlib.Path(__file__).resolve().parents[3] / "test/connection/client_machine.txt"


def spelt(item):
    return item.name.lower().replace("_", " ")


def outcome(state, event):
    if (state, event) not in STEPS:
        return "cannot happen"
    next_state, actions = STEPS[state, event]
    if next_state is state and not actions:
        return "ignored"
    return ": ".join([spelt(next_state), *([", ".join(map(spelt, actions))] if actions else [])])


def test_a_clients_table_is_that_of_cpp():
    lines = [
        f"{spelt(state)}, {spelt(event)} -> {outcome(state, event)}"
        for state in ClientState
        for event in ClientEvent
    ]
    assert lines == TABLE.read_text(encoding="utf-8").splitlines()


def test_an_answer_that_comes_after_stop_is_none():
    class Asked(Client):
        async def on_connect_failure(self, exception):
            self.events.add("asked")
            await asyncio.sleep(10)
            return 1000

    async def body():
        loop = asyncio.get_running_loop()
        refusals = []

        async def refuse(host, port):
            refusals.append(loop.time())
            raise ConnectionRefusedError

        with patch("asyncio.open_connection", refuse):
            client = Asked("tcp://1.2.3.4:5000")
            client.start()
            await client.events.until("asked")
            client.stop()
            client.start()
            # Hooks come one at a time.
            await client.events.until("asked")
            assert refusals == [0, 10]
            client.stop()
            await client.wait_stopped()
            assert loop.time() == 20

    run(body())


def test_whatever_happens_to_a_client_what_it_has_is_what_its_state_says():
    async def body(seed):
        dice = random.Random(seed)
        refusing = False
        open_connection = asyncio.open_connection

        async def open_or_not(host, port):
            await asyncio.sleep(dice.random())
            if refusing:
                raise ConnectionRefusedError
            return await open_connection(host, port)

        class Acting(Client):
            async def on_connected(self):
                await super().on_connected()
                await act()

            async def on_disconnected(self, reason):
                await super().on_disconnected(reason)
                await act()

            async def on_connect_failure(self, exception):
                self.events.add("failure")
                await act()
                return dice.choice([None, 0.1, 1])

        async def act():
            for _ in range(dice.randrange(3)):
                dice.choice([client.start, client.stop, client.stop_now])()
                check()
                await asyncio.sleep(dice.choice([0, 0, 0.3]))

        def check():
            driver = client._messi_driver
            state = driver._machine.state
            assert (driver.link is not None) == (
                state in (ClientState.CONNECTED, ClientState.ENDING, ClientState.RESTARTING)
            )
            assert driver._attempt is None or state is ClientState.CONNECTING
            if state is not ClientState.STOPPED:
                assert not driver._task.done()

        async def serve():
            while True:
                _, writer = await listener.accept()
                writer.write(PONG)
                if dice.random() < 0.5:
                    writer.close()

        async with Listener() as listener:
            client = Acting(listener.uri, user=None)
            serving = asyncio.ensure_future(serve())
            with patch("asyncio.open_connection", open_or_not):
                for _ in range(30):
                    refusing = dice.random() < 0.3
                    await act()
                    await asyncio.sleep(dice.random())
                    check()
            while client._messi_driver._machine.state is not ClientState.STOPPED:
                client.stop_now()
                await client.wait_stopped()
            await client.wait_stopped()
            serving.cancel()
        up = [event for event in client.events.all if event[0] in ("connected", "disconnected")]
        assert [event[0] for event in up] == ["connected", "disconnected"] * (len(up) // 2)
        assert all(isinstance(event[1], DisconnectReason) for event in up[1::2])

    for seed in range(6):
        run(body(seed))
