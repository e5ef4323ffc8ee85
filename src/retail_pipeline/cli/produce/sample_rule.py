"""When the producer may send the sample, and when other data may replace it.

The producer decides by the manifests in Kafka, so it needs no access to MongoDB. Manifests can be
missing, for example after topics were created again. The processors therefore check what MongoDB
has stored.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from retail_pipeline.domain.sample_source import is_sample, only_sample, other_data
from retail_pipeline.errors import SourceError, UsageError
from retail_pipeline.flows.source import Source
from retail_pipeline.settings import Settings

log = logging.getLogger("producer")
OTHER_DATA = "other data was streamed before, and the made-up sample is never mixed with it"


def not_here(settings: Settings) -> str | None:
    """Return why the sample is not allowed in this environment, or None if it is."""
    if settings.sample_allowed:
        return None
    return (
        "it is made up, and is streamed in development only; this is"
        f" RETAIL_ENV={settings.retail_env}"
    )


class SampleRule:
    """Keeps a producer from mixing the sample with other data.

    Args:
        settings: say whether this is development.
        yes: whether other data may replace the sample without a question.
        sent: returns the sources that were sent before.
    """

    def __init__(self, settings: Settings, yes: bool, sent: Callable[[], set[str]]) -> None:
        self._settings = settings
        self._yes = yes
        self._sent = sent
        self._other_data = False

    def why_no_sample(self) -> str | None:
        """Return why the sample may not be streamed, or None if it may."""
        if why := not_here(self._settings):
            return why
        return OTHER_DATA if self._other_data or other_data(self._sent()) else None

    def admit_folder(self, folder: Path) -> None:
        """Ask before a watch begins, not when the first file appears.

        Raises:
            UsageError: files of ``folder`` would replace the sample, and the user declines.
        """
        if not self._yes and only_sample(self._sent()):
            confirm_replacement(f"the files of {folder}", yes=False)
            self._yes = True

    def admit(self, sources: Sequence[Source]) -> None:
        """Check that ``sources`` may be sent now; ask on a terminal if they replace the sample.

        Raises:
            SourceError: one of them is the sample, which may not be streamed.
            UsageError: they would replace the sample, and the user declines.
        """
        names = [source.facts.name for source in sources if not is_sample(source.facts.source)]
        for source in sources:
            if is_sample(source.facts.source) and (names or self.why_no_sample()):
                why = self.why_no_sample() or "it can't be streamed together with other data"
                raise SourceError(
                    f"{source.facts.name} is the sample: {why}; `retail sample --seed 8` makes a"
                    " dataset that counts as your own"
                )
        if names and not self._other_data:
            if only_sample(self._sent()):
                confirm_replacement(", ".join(names), self._yes)
            self._other_data = True


def confirm_replacement(names: str, yes: bool) -> None:
    """Check that ``names`` may replace the sample: with ``yes``, or if the user agrees.

    Raises:
        UsageError: the user declines, or there is no terminal to ask on.
    """
    if yes:
        log.info("%s: replaces the made-up sample, which is removed from the database", names)
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"the database holds the made-up sample, which {names} would replace;"
            " nothing was sent: add --yes to replace it"
        )
    question = f"The database holds the made-up sample. Remove it, and stream {names}?"
    if not typer.confirm(question, default=True, err=True):
        raise UsageError("nothing was sent, and the sample stays")
