"""A proxy between clients and a server that can be cut, silenced and slowed down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from retail_devstack.ports import HOST

_CHUNK = 64 * 1024


@dataclass(frozen=True)
class NetworkConditions:
    """The delay of each chunk in seconds, and the bandwidth."""

    delay: float = 0.0
    bytes_per_s: float | None = None

    def seconds(self, size: int) -> float:
        """Return how long a chunk of ``size`` bytes takes."""
        return self.delay + (size / self.bytes_per_s if self.bytes_per_s else 0.0)


CLEAR = NetworkConditions()


class Proxy:
    """Forwards every connection from ``port`` to ``target``, in a thread of its own."""

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._conditions = CLEAR
        self._broken = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._passable: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self) -> None:
        """Break every connection, and each new one at once, until ``restore``."""
        self._do(self._cut)

    def silence(self) -> None:
        """Hold all data back without an error; ``restore`` breaks the connections."""
        self._do(self._silence)

    def slow(self, conditions: NetworkConditions) -> None:
        """Forward everything under ``conditions``."""
        self._do(lambda: setattr(self, "_conditions", conditions))

    def restore(self) -> None:
        """Forward everything again."""
        self._do(self._restore)

    def _do(self, change: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(10)

    def _cut(self) -> None:
        self._broken = True
        for writer in self._connections:
            writer.transport.abort()

    def _silence(self) -> None:
        assert self._passable
        self._passable.clear()

    def _restore(self) -> None:
        assert self._passable
        self._conditions = CLEAR
        if not self._passable.is_set():
            self._cut()
            self._passable.set()
        self._broken = False

    async def _open(self) -> None:
        self._passable = asyncio.Event()
        self._passable.set()
        self._server = await asyncio.start_server(self._serve, HOST, self._port)

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Forward one connection in both directions until one of its ends closes it."""
        if self._broken:
            client.transport.abort()
            return
        try:
            answers, server = await asyncio.open_connection(HOST, self._target)
        except OSError:
            client.transport.abort()
            return
        ends = {client, server}
        self._connections |= ends
        try:
            await asyncio.gather(self._pass(reader, server), self._pass(answers, client))
        except asyncio.CancelledError:  # the proxy is closed
            pass
        finally:
            self._connections -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._passable
        try:
            while data := await reader.read(_CHUNK):
                await self._passable.wait()
                if seconds := self._conditions.seconds(len(data)):
                    await asyncio.sleep(seconds)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
