"""Viewers without a browser: they use Streamlit's protocol, and refresh a page when it asks.

Ten browsers would take most of a small machine, but real viewers have machines of their own. So
these viewers cost only what the dashboard does for them.
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
_CHECK_SECONDS = 0.2  # how often a viewer checks whether to leave


@dataclass
class Seen:
    """The seconds from each page request to the page's last part, and the number of refreshes."""

    views: list[float] = field(default_factory=list)
    refreshes: int = 0


class Viewer:
    """One viewer of one page, with live refresh on."""

    def __init__(self, socket: ClientConnection, page: str, seen: Seen) -> None:
        """View ``page``, the path of its address, through an open ``socket``."""
        self._socket, self._page, self._seen = socket, page, seen
        self._due: dict[str, tuple[float, float]] = {}  # by fragment: next time, and interval

    async def view(self, gone: Event) -> None:
        """Open the page, and refresh it until ``gone`` is set."""
        began = time.monotonic()
        await self._ask()
        drawn = False
        while not gone.is_set():
            soonest = min((at for at, _ in self._due.values()), default=began + 1e9)
            timeout = max(0.001, min(soonest - time.monotonic(), _CHECK_SECONDS))
            try:
                message = ForwardMsg.FromString(
                    await asyncio.wait_for(self._socket.recv(decode=False), timeout)
                )
            except TimeoutError:
                await self._refresh()
                continue
            self._note(message)
            if message.WhichOneof("type") == "script_finished":
                if drawn:
                    self._seen.refreshes += 1
                else:
                    self._seen.views.append(time.monotonic() - began)
                drawn = True

    def _note(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "auto_rerun":
            often = message.auto_rerun.interval
            self._due[message.auto_rerun.fragment_id] = (time.monotonic() + often, often)
        elif message.WhichOneof("type") == "stop_auto_rerun":
            self._due.pop(message.stop_auto_rerun.fragment_id, None)

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
    """Let ``viewers`` view the pages in turn; yield what they have seen so far."""
    seen, gone = Seen(), Event()

    async def one(page: str) -> None:
        url = f"{address.replace('http', 'ws', 1)}_stcore/stream"
        async with connect(url, subprotocols=_PROTOCOL, max_size=None, proxy=None) as socket:
            await Viewer(socket, page, seen).view(gone)

    async def everyone() -> None:
        await asyncio.gather(*(one(pages[number % len(pages)]) for number in range(viewers)))

    thread = Thread(target=lambda: asyncio.run(everyone()), name="viewers")
    thread.start()
    try:
        yield seen
    finally:
        gone.set()
        thread.join()
