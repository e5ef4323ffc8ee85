"""One run of ``retail reconcile``: wait, look, tell, and keep the result."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TaskProgressColumn, TextColumn

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.reconciliations import MongoReconciliations
from retail_pipeline.adapters.reconcile.kafka import KafkaLog
from retail_pipeline.adapters.reconcile.mongo import MongoRecords
from retail_pipeline.adapters.sources.registry import Reading, find_files, inspect
from retail_pipeline.cli.common import collect_garbage_rarely, configure_logging
from retail_pipeline.cli.progress import on_terminal
from retail_pipeline.cli.reconcile_report import show
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.reconciliation import Reconciliation, Verdict
from retail_pipeline.domain.topics import Topics
from retail_pipeline.errors import RetailError
from retail_pipeline.reconcile.counts import CountCheck
from retail_pipeline.reconcile.full import FullReconciliation
from retail_pipeline.reconcile.ports import File
from retail_pipeline.settings import load_settings

log = logging.getLogger("reconcile")
_SECONDS_BETWEEN_CHECKS = 0.5


@dataclass
class ReconcileRun:
    """The command's options, and its work."""

    names: list[str]
    quick: bool
    as_json: bool
    wait_s: float

    def run(self) -> bool:
        """Look, print, and return whether all agree.

        Raises:
            UsageError: a file can't be used.
            TransientError, PermanentError: a server is away, or refuses.
        """
        settings = load_settings()
        configure_logging(settings.log_level)
        collect_garbage_rarely()
        paths = find_files(self.names, log.warning)
        client = connect(settings.mongo("monitor"), name="retail-reconcile")
        kafka, records = KafkaLog(settings), MongoRecords(client, settings.mongo_database)
        self._wait(kafka, records)
        topics = Topics(*settings.topics)
        if self.quick:
            result = CountCheck(kafka, records, topics).run()
        else:
            files = _files(paths, records.manifests())
            with ReadProgress() as looking:
                result = FullReconciliation(kafka, records, files, topics, looking.tell).run()
        self._print(result)
        _keep(MongoReconciliations(client, settings.mongo_database), result)
        client.close()
        return result.verdict is Verdict.AGREE

    def _wait(self, kafka: KafkaLog, records: MongoRecords) -> None:
        """Return once nothing is on its way, or the time is over."""
        until = time.monotonic() + self.wait_s
        while time.monotonic() < until:
            lag = sum(position.lag for position in kafka.positions())
            if not lag and not records.pending_days():
                return
            time.sleep(_SECONDS_BETWEEN_CHECKS)

    def _print(self, result: Reconciliation) -> None:
        if self.as_json:
            print(msgspec.json.format(msgspec.json.encode(result)).decode())
        else:
            show(result, Console())


class ReadProgress:
    """A bar for each place that is being read, on a terminal."""

    def __init__(self) -> None:
        self._bar = on_terminal(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ReadProgress:
        self._bar.start()
        return self

    def tell(self, place: str, rows: int, total: int) -> None:
        """Say how far it is."""
        if place not in self._tasks:
            self._tasks[place] = self._bar.add_task(escape(place))
        self._bar.update(self._tasks[place], completed=rows, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _keep(results: MongoReconciliations, result: Reconciliation) -> None:
    """Keep the result for the dashboard; that it can't be kept changes nothing about it."""
    try:
        results.keep(result)
    except RetailError as error:
        log.warning("the result is not kept: %s", error)


def _files(paths: list[Path], manifests: list[Manifest]) -> list[File]:
    """Return the sources in the files, each read in the way in which its producer was told to."""
    if not paths:
        return []
    from retail_pipeline.adapters.reconcile.file import SourceFile

    sent = {manifest.source: manifest for manifest in manifests}
    found: dict[str, File] = {}
    for path in paths:
        sources = inspect(path, Reading())
        for source in sources:
            told = sent.get(source.facts.source)
            said = (source.facts.encoding, source.facts.date_order)
            if told and said != (told.encoding, told.date_order):
                sources = inspect(path, Reading(told.encoding, DateOrder(told.date_order)))
                break
        found |= {source.facts.source: SourceFile(source) for source in sources}
    return list(found.values())
