"""Runs a file without faults and with faults, and compares the results."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from chaos.compare import differing
from chaos.environment import Environment, Place
from chaos.fault_run import FaultRun
from chaos.schedule import Fault
from chaos.workers import Say
from retail_pipeline.adapters.checkpoints import CheckpointFolder
from retail_pipeline.adapters.kafka.topics import topic_id
from retail_pipeline.domain.reconciliation import Reconciliation
from retail_pipeline.errors import UsageError

_MOST_DIFFERENCES = 20
_SECONDS_TO_SETTLE = 60


@dataclass(frozen=True)
class Undisturbed:
    """The run without faults: the others are compared with it."""

    place: Place
    data: Path
    source: str
    rows: int


def undisturbed(servers: Environment, data: Path, folder: Path) -> Undisturbed:
    """Stream ``data`` without faults.

    Raises:
        UsageError: the file can't be streamed, or is more than one source.
    """
    place = servers.place(folder, disturbed=False)
    for command in (["produce", str(data)], ["process", "--until-idle", "2"]):
        done = _retail(place, *command)
        if done.returncode != 0:
            raise UsageError(f"retail {command[0]}: {done.stderr.strip()[-500:]}")
    manifests = list(place.database["manifests"].find())
    if len(manifests) != 1:
        raise UsageError(f"{data}: {len(manifests)} sources in it, one is needed")
    return Undisturbed(place, data, manifests[0]["_id"], manifests[0]["rows_read"])


def disturbed(
    servers: Environment, calm: Undisturbed, schedule: list[Fault], seconds: float, say: Say
) -> list[str]:
    """Stream the same file under the faults of ``schedule``; return all that is wrong.

    ``seconds`` is how long the file takes without faults.
    """
    place = servers.place(calm.place.folder.parent, disturbed=True)
    checkpoints = CheckpointFolder(place.settings.state_dir, topic_id(place.settings))

    def share() -> float:
        checkpoint = checkpoints.load(calm.source)
        # Only the checkpoint's flag means the end: the last rows may not be acknowledged yet.
        return 1.0 if checkpoint.complete else min(checkpoint.rows_read / calm.rows, 0.999)

    wrong: list[str] = []
    hits = FaultRun(servers, place, calm.data, calm.rows, calm.rows / seconds, share, say)
    hits.run(schedule, lambda: wrong.extend(_reconciled(place, calm.data, say)))
    say(f"{len(hits.on_time)} of {len(schedule)} faults hit while rows were on their way")
    differences = differing(calm.place.database, place.database)
    wrong += [*hits.troubles, *islice(differences, _MOST_DIFFERENCES)]
    wrong += too_few(len(hits.on_time), len(schedule))
    if not wrong:
        servers.forget(place)
    return wrong


def too_few(on_time: int, scheduled: int) -> list[str]:
    """Return what is wrong if too few faults hit in time for the round to prove something."""
    least = max(1, scheduled * 5 // 7)
    if on_time >= least:
        return []
    return [
        f"only {on_time} of {scheduled} faults hit while rows were on their way, {least} must:"
        " stream more rows, or for longer"
    ]


def _reconciled(place: Place, data: Path, say: Say) -> Iterator[str]:
    """Run ``retail reconcile``; yield what it finds wrong."""
    done = _retail(place, "reconcile", str(data), "--json", "--wait", str(_SECONDS_TO_SETTLE))
    if done.returncode == 2:
        yield f"retail reconcile failed: {done.stderr.strip()[-500:]}"
        return
    result = msgspec.json.decode(done.stdout, type=Reconciliation)
    repeated = sum(account.repeated for account in result.sources)
    say(f"retail reconcile: {result.verdict.value}; {repeated:,} records came more than once")
    if done.returncode != 0:
        left = f"{result.lag:,} records and {result.pending_days:,} days left"
        notes = "".join(f"; {note}" for note in result.notes)
        yield f"retail reconcile, status {done.returncode}: {result.verdict.value}; {left}{notes}"
    for difference in result.differences[:_MOST_DIFFERENCES]:
        yield f"retail reconcile: {difference}"


def _retail(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "retail_pipeline", *arguments],
        env=place.env,
        cwd=place.folder,
        capture_output=True,
        text=True,
    )
