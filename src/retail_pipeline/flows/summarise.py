"""Keeps the rollups up to date beside the processor, which never waits for them."""

from __future__ import annotations

import logging
from threading import Event, Thread

from tenacity import Retrying

from retail_pipeline.errors import RetailError
from retail_pipeline.flows.ports import Summaries

log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 0.25


class Summariser(Thread):
    """Rebuilds marked days until ``stop`` is set; then the rest of them is left to whoever asks.

    ``failure`` holds the error that ended it early; it sets ``stop`` then, so that the processor
    ends with it.
    """

    def __init__(self, summaries: Summaries, retry: Retrying, stop: Event) -> None:
        super().__init__(name="summariser", daemon=True)
        self._summaries = summaries
        self._retry = retry
        self._stop_asked = stop
        self.failure: RetailError | None = None
        self.rebuilt = 0

    def run(self) -> None:
        """Rebuild what is due, and look again a quarter of a second after there was nothing."""
        try:
            if old := self._retry(self._summaries.mark_outdated):
                log.info("summarising %d days anew, as this release does", old)
            while not self._stop_asked.is_set():
                if self._retry(self._summaries.rebuild_next):
                    self.rebuilt += 1
                else:
                    self._stop_asked.wait(_SECONDS_BETWEEN_LOOKS)
        except RetailError as error:
            if not self._stop_asked.is_set():
                self.failure = error
                self._stop_asked.set()
