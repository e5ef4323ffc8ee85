"""Viewers without a browser: they speak Streamlit's protocol, and ask again when a page says so.

Ten browsers take more of a small machine than all the rest together; viewers have machines of
their own. What these cost is what the dashboard does for them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

_PROTOCOL = [Subprotocol("streamlit")]
_LOOK_SECONDS = 0.2  # how often a viewer looks whether it may go


@dataclass
class Seen:
    """What the viewers saw: seconds from asking for a page to its last part, and how many parts."""

    views: list[float] = field(default_factory=list)
    refreshes: int = 0


class Viewer:
    """One viewer of one page, with live refresh on."""

    def __init__(self, socket: ClientConnection, page: str, seen: Seen) -> None:
        """Look at ``page``, the path of its address, through an open ``socket``."""
        self._socket, self._page, self._seen = socket, page, seen
        self._due: dict[str, tuple[float, float]] = {}  # by fragment: when next, and how often

    async def look(self, gone: Event) -> None:
        """Open the page, and refresh it until ``gone``."""
        began = time.monotonic()
        await self._ask()
        drawn = False
        while not gone.is_set():
            soonest = min((at for at, _ in self._due.values()), default=began + 1e9)
            patience = max(0.001, min(soonest - time.monotonic(), _LOOK_SECONDS))
            try:
                said = ForwardMsg.FromString(
                    await asyncio.wait_for(self._socket.recv(decode=False), patience)
                )
            except TimeoutError:
                await self._refresh()
                continue
            self._note(said)
            if said.WhichOneof("type") == "script_finished":
                if drawn:
                    self._seen.refreshes += 1
                else:
                    self._seen.views.append(time.monotonic() - began)
                drawn = True

    def _note(self, said: ForwardMsg) -> None:
        if said.WhichOneof("type") == "auto_rerun":
            often = said.auto_rerun.interval
            self._due[said.auto_rerun.fragment_id] = (time.monotonic() + often, often)
        elif said.WhichOneof("type") == "stop_auto_rerun":
            self._due.pop(said.stop_auto_rerun.fragment_id, None)

    async def _refresh(self) -> None:
        now = time.monotonic()
        for fragment, (at, often) in self._due.items():
            if at <= now:
                self._due[fragment] = (now + often, often)
                await self._ask(fragment)

    async def _ask(self, fragment: str = "") -> None:
        asked = BackMsg()
        asked.rerun_script.page_name = self._page
        asked.rerun_script.fragment_id = fragment
        asked.rerun_script.is_auto_rerun = bool(fragment)
        await self._socket.send(asked.SerializeToString())


@contextmanager
def watching(address: str, pages: Sequence[str], viewers: int) -> Iterator[Seen]:
    """Have so many viewers look at the pages in turn; return what they have seen so far."""
    seen, gone = Seen(), Event()

    async def one(page: str) -> None:
        url = f"{address.replace('http', 'ws', 1)}_stcore/stream"
        async with connect(url, subprotocols=_PROTOCOL, max_size=None, proxy=None) as socket:
            await Viewer(socket, page, seen).look(gone)

    async def everyone() -> None:
        await asyncio.gather(*(one(pages[number % len(pages)]) for number in range(viewers)))

    thread = Thread(target=lambda: asyncio.run(everyone()), name="viewers")
    thread.start()
    try:
        yield seen
    finally:
        gone.set()
        thread.join()
