"""A producer, a processor or a probe that kills itself, with no warning, at one step of its cycle.

With FATE=SIGSTOP in the environment it only falls asleep there, until someone sends SIGCONT.

    python -m tests.crash process after insert
    python -m tests.crash produce before checkpoint small.csv

It exits with status 0 where the step was never reached.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from retail_pipeline.adapters.checkpoints import CheckpointFolder
from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.adapters.kafka.probes import ProbeSender
from retail_pipeline.adapters.kafka.publisher import KafkaBarrier, KafkaPublisher
from retail_pipeline.adapters.mongo.returns import MongoReturns
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.sample import MongoSample
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.bootstrap import probing
from retail_pipeline.cli.common import start
from retail_pipeline.cli.process import ProcessorRun
from retail_pipeline.cli.produce.run import ProducerRun
from retail_pipeline.flows import produce
from retail_pipeline.flows.process import DeadLetters
from retail_pipeline.flows.source import ReadOptions
from retail_pipeline.flows.throttle import Throttle
from retail_pipeline.operations.probe import run_probe

# Each step, and the method that does it.
STEPS: dict[str, tuple[type, str]] = {
    "poll": (GroupConsumer, "poll"),
    "insert": (MongoStore, "insert"),
    "dead-letter": (DeadLetters, "send"),
    "quarantine": (MongoStore, "quarantine"),
    "record": (MongoStore, "record"),
    "mark": (MongoStore, "mark_dirty"),
    "keep": (MongoStore, "keep_probes"),
    "rebuild": (MongoRollups, "_rebuild"),
    "match": (MongoReturns, "rebuild"),
    "release": (MongoRollups, "_release"),
    "commit": (GroupConsumer, "commit"),
    "days": (MongoSample, "_days"),
    "remove": (MongoSample, "_remove"),
    "send": (KafkaPublisher, "send"),
    "queue": (ProbeSender, "_queue"),
    "probe": (ProbeSender, "send"),
    "acknowledge": (KafkaBarrier, "wait"),
    "checkpoint": (CheckpointFolder, "save"),
}
# A poll that brings nothing, or a write of nothing, is no step.
_ALWAYS_SOMETHING = {"acknowledge"}


def arm(when: str, step: str, number: int = 1) -> None:
    """Have this process killed ``before`` or ``after`` the step is done for the nth time."""
    owner, name = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    left = [number]

    def deadly(self: Any, *args: Any, **options: Any) -> Any:
        if when == "before" and _counts(args, None):
            die()
        result = real(self, *args, **options)
        if when == "after" and _counts(args, result):
            die()
        return result

    def _counts(args: tuple[Any, ...], result: Any) -> bool:
        if step in _ALWAYS_SOMETHING or (args[0] if args else result):
            left[0] -= 1
        return left[0] == 0

    setattr(owner, name, deadly)


def die() -> None:
    """End at once, as when the power fails."""
    os.kill(os.getpid(), signal.Signals[os.environ.get("FATE", "SIGKILL")])


def main(service: str, moment: str, step: str, *files: str) -> None:
    """Run ``service`` to its sudden end at ``step``; "rebuild*2" is its second time."""
    name, _, number = step.partition("*")
    arm(moment, name, int(number or 1))
    settings, stop = start(service)
    if service == "process":
        ProcessorRun(settings, stop, until_idle=60).run()
    elif service == "probe":
        with probing(settings) as transport:
            run_probe(transport)
    else:
        # Small files have several chunks, too, and a checkpoint after each.
        produce.CHUNK_ROWS, produce._SECONDS_BETWEEN_SAVES = 3, 0
        ProducerRun(settings, stop, ReadOptions(), Throttle(stop)).files(
            [str(Path(file)) for file in files], loop=False
        )


def command() -> None:
    """Run :func:`main` with this process's arguments."""
    main(*sys.argv[1:])


if __name__ == "__main__":
    command()
