"""A publisher that connects when something is to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from retail_pipeline.errors import RetailError
from retail_pipeline.flows.ports import Publisher


class LazyPublisher:
    """Connects at its first use, and again after a failure."""

    def __init__(self, connect: Callable[[], Publisher]) -> None:
        self._connect = connect
        self._publisher: Publisher | None = None

    @contextmanager
    def connected(self) -> Iterator[Publisher]:
        """Give the publisher; after an error in the block the next use connects again.

        Raises:
            TransientError, PermanentError: as the connection, and as the block itself.
        """
        try:
            self._publisher = self._publisher or self._connect()
            yield self._publisher
        except RetailError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._publisher:
            self._publisher.close()
        self._publisher = None
