"""A watched folder: which of its files to stream now, and which messages were logged already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from retail_pipeline.adapters.sources.files import list_entries
from retail_pipeline.errors import SourceError, UnreadableError

log = logging.getLogger("producer")
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 60.0


@dataclass
class _Seen:
    """An entry as the last scan found it; ``done`` until its state changes."""

    state: tuple[int, ...]
    done: bool = False
    logged: str = ""
    wait_s: float = _FIRST_WAIT_S
    not_before: float = 0.0


@dataclass
class FolderWatch:
    """The present entries of ``folder``, and whether each is still to be streamed.

    A message is logged once, and again only if the entry or the reason changes.
    """

    folder: Path
    clock: Callable[[], float]
    _seen: dict[Path, _Seen] = field(default_factory=dict)
    _unlisted: str = ""

    def ready(self) -> Iterator[Path]:
        """Yield each file that is due: unchanged since the last scan, hence completely written."""
        before, self._seen = self._seen, {}
        try:
            for entry in list_entries(self.folder):
                seen = before.get(entry.path)
                if seen is None or seen.state != entry.state:
                    self._seen[entry.path] = _Seen(entry.state)
                    continue
                self._seen[entry.path] = seen
                if seen.done or self.clock() < seen.not_before:
                    continue
                if entry.problem:
                    seen.done = True
                    log.warning("%s; it is not read", entry, extra={"file": entry.path.name})
                else:
                    yield entry.path
        except UnreadableError as error:
            # Keep what is known about the files until the folder is back.
            self._seen = before
            if str(error) != self._unlisted:
                self._unlisted = str(error)
                log.error("%s; the producer retries until it can be read", error)
        else:
            if self._unlisted:
                log.info("%s is there again", self.folder)
            self._unlisted = ""

    def is_retry(self, path: Path) -> bool:
        """Return whether the file, in its present state, was tried before and not read."""
        return bool(self._seen[path].logged)

    def streamed(self, path: Path) -> None:
        """Note that a file was streamed."""
        self._seen[path].done = True

    def refused(self, path: Path, error: SourceError) -> None:
        """Note that a file can't be used; try it again unless its content is the reason."""
        seen, text = self._seen[path], str(error)
        if not isinstance(error, UnreadableError):
            seen.done = True
            log.error("%s; it is not read until it changes", text, extra={"file": path.name})
            return
        seen.not_before = self.clock() + seen.wait_s
        seen.wait_s = min(2 * seen.wait_s, _LONGEST_WAIT_S)
        if text != seen.logged:
            log.error(
                "%s; the producer retries until it can be read", text, extra={"file": path.name}
            )
        seen.logged = text
