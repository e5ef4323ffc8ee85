"""A pipeline of one's own on the real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from retail_pipeline import bootstrap
from retail_pipeline.flows.retry import retrying
from retail_pipeline.settings import Settings
from tests.conftest import RunningStack
from tests.pipeline import LONGEST_S, Pipeline


@pytest.fixture
def pipeline(stack: RunningStack, fresh: Settings, tmp_path: Path) -> Iterator[Pipeline]:
    pipeline = Pipeline(stack, fresh, tmp_path)
    retry = retrying(Event(), give_up_after_s=LONGEST_S)
    for ensure in (bootstrap.ensure_topics, bootstrap.ensure_collections):
        retry(ensure, fresh)
    yield pipeline
    for process in pipeline.started:
        if process.poll() is None:
            process.kill()
        process.wait(10)
    for log in sorted(tmp_path.glob("*.log")):
        print(f"--- {log.name}\n{log.read_text()[-2000:]}")
