"""Reads every part of an observation side by side, so that a dead server slows nothing down."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any, TypeVar

from retail_pipeline.errors import RetailError
from retail_pipeline.operations.observation import Observation

Reader = Callable[[], Any]


T = TypeVar("T")


def at_most_every(seconds: float, read: Callable[[], T]) -> Callable[[], T]:
    """Return a reader that reads again only after so many seconds; an error is not kept."""
    last: list[tuple[float, T]] = []

    def cached() -> T:
        now = time.monotonic()
        if not last or now - last[0][0] >= seconds:
            last[:] = [(now, read())]
        return last[0][1]

    return cached


class Observer:
    """Makes observations from readers, one for each part of an observation, by its name.

    Args:
        readers: each raises an error of this project if it can't read.
        wait_s: how long an observation waits for them, in seconds. One that takes longer goes on:
            a later observation has its result.
    """

    def __init__(self, readers: Mapping[str, Reader], wait_s: float = 1.0) -> None:
        self._readers = readers
        self._wait_s = wait_s
        self._pool = ThreadPoolExecutor(max(1, len(readers)), thread_name_prefix="observer")
        self._reading: dict[str, Future[Any]] = {}
        self._failed: dict[str, str] = {}

    def observe(self) -> Observation:
        """Return what could be read in time; the parts that could not are None, with a reason.

        While there is no answer yet, the reason is that of the last attempt, if it failed.
        """
        for name, read in self._readers.items():
            if name not in self._reading:
                self._reading[name] = self._pool.submit(read)
        wait(self._reading.values(), timeout=self._wait_s)
        parts: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for name in self._readers:
            if not self._reading[name].done():
                problems[name] = self._failed.get(name, f"no answer within {self._wait_s:g} s")
                continue
            reading = self._reading.pop(name)
            try:
                parts[name] = reading.result()
                self._failed.pop(name, None)
            except RetailError as error:
                problems[name] = self._failed[name] = str(error)
        names = tuple(self._readers)
        return Observation(at=datetime.now(UTC), parts=names, problems=problems, **parts)

    def close(self) -> None:
        """End the threads as they finish; one that a server never answers is left behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)
