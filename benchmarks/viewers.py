"""Claim: ten people look at the dashboard at once, and each is answered in a second.

Each viewer is a websocket that speaks Streamlit's own protocol, with no browser: on two cores ten browsers are most of
the load. A first load ends with the script that draws Importance, without the files that a browser fetches once; a
rerun is a click on a cell of the map, from the message to the end of the script. An answer that does not carry the new
cell is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.timing import below, note
from tests.browsing import serve

PAUSE = 3.0
LIMIT = 30.0
COMPONENTS = ("query", "key", "value", "intermediate")


class Viewer:
    """One visitor: what is on the page, and how long answers took."""

    def __init__(self, address: str, place: int) -> None:
        self.address, self.place = address, place
        self.loads: list[float] = []
        self.reruns: list[float] = []
        self.failures: list[str] = []
        self._map = self._page = self._query = ""

    async def look(self, seconds: float, viewers: int) -> None:
        """Load the page, then click another cell every three seconds."""
        url = self.address.replace("http", "ws") + "/_stcore/stream"
        try:
            async with websockets.connect(
                url, subprotocols=[websockets.Subprotocol("streamlit")], origin=None, max_size=None
            ) as socket:
                self.loads.append(await self._run(socket, "layer=3&component=value", None))
                await asyncio.sleep(PAUSE * self.place / viewers)  # people do not click in step
                end, turn = time.perf_counter() + seconds, 0
                while time.perf_counter() < end:
                    turn += 1
                    cell = {"layer": 3 + turn % 4, "component": COMPONENTS[(turn + turn // 4) % 4]}
                    taken = await self._run(socket, self._query, cell)
                    if f"layer={cell['layer']}" in self._query and f"component={cell['component']}" in self._query:
                        self.reruns.append(taken)
                    else:
                        self.failures.append(f"no answer to {cell}")
                    await asyncio.sleep(max(0.0, PAUSE - taken))
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            self.failures.append(f"{type(error).__name__}: {error}")

    async def _run(self, socket: Any, query: str, cell: dict[str, Any] | None) -> float:
        """Ask for a run of the script and return the seconds until it has ended."""
        message = BackMsg()
        message.rerun_script.query_string = query
        if self._page:
            message.rerun_script.page_script_hash = self._page
        else:
            message.rerun_script.page_name = "importance"
        if cell is not None:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.json_value = self._map, json.dumps({"selected": cell})
        start = time.perf_counter()
        await socket.send(message.SerializeToString())
        async with asyncio.timeout(LIMIT):
            while not self._ends(await socket.recv()):
                pass
        return time.perf_counter() - start

    def _ends(self, raw: bytes) -> bool:
        """Read a message of the server; return whether it ends the script."""
        message = ForwardMsg.FromString(raw)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page = message.new_session.page_script_hash
        elif kind == "page_info_changed":
            self._query = message.page_info_changed.query_string
        elif kind == "delta" and message.delta.new_element.bidi_component.component_name == "obce_cellmap":
            self._map = message.delta.new_element.bidi_component.id
        return kind == "script_finished" and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY


async def crowd(address: str, viewers: int, seconds: float) -> list[Viewer]:
    """Let people look at once."""
    found = [Viewer(address, place) for place in range(viewers)]
    await asyncio.gather(*(viewer.look(seconds, viewers) for viewer in found))
    return found


def written(times: list[float]) -> Iterator[str]:
    """Write the middle, the 95th percentile and the slowest."""
    yield f"p50 {statistics.median(times):.2f} s"
    yield f"p95 {_p95(times):.2f} s"
    yield f"slowest {max(times):.2f} s"


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30, help="how long they look")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        os.environ["OBCE_CACHE"] = str(cache)
        from obce_core import analyze

        analyze("demo", "demo", n_texts=150, device="cpu")
        with serve(cache) as address:
            asyncio.run(crowd(address, 1, 1))  # the server is warm then
            found = asyncio.run(crowd(address, chosen.viewers, chosen.seconds))
    loads = [taken for viewer in found for taken in viewer.loads]
    reruns = [taken for viewer in found for taken in viewer.reruns]
    failures = [told for viewer in found for told in viewer.failures]
    note(
        f"{chosen.viewers} viewers, first load",
        ", ".join([*written(loads), f"{len(loads)} loads"]) if loads else "none",
    )
    note(
        f"{chosen.viewers} viewers, click on a cell",
        ", ".join([*written(reruns), f"{len(reruns)} reruns"]) if reruns else "none",
    )
    if reruns:
        below(f"{chosen.viewers} viewers at once: 95th percentile of a rerun", _p95(reruns), 1.0, " s")
    if loads:
        below(f"{chosen.viewers} viewers who come at once: slowest first load", max(loads), 5.0, " s")
    below("runs that failed", len(failures), 1)
    for told in failures[:5]:
        note("failed", told)


if __name__ == "__main__":
    main()
