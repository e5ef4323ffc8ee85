"""What is beside storing ends no processor; a run that ends by itself tells what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from retail_pipeline.cli.process import ProcessorRun
from retail_pipeline.errors import PermanentError
from retail_pipeline.settings import Settings


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ProcessorRun]:
    """A processor that was not started; nobody answers it."""
    settings = Settings(
        mongo_uri="mongodb://127.0.0.1:1", heartbeat_file=tmp_path / "folder" / "heartbeat"
    )
    made = ProcessorRun(settings, Event(), None)
    yield made
    made._parts.client.close()


def test_a_heartbeat_file_that_cannot_be_touched_is_reported_once_and_ends_nothing(
    run: ProcessorRun, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.touch()
    run._beat()
    run._beat()
    [line] = caplog.messages
    assert str(folder / "heartbeat") in line
    folder.unlink()
    run._beat()
    assert (folder / "heartbeat").exists()


def test_a_run_that_ends_by_itself_does_not_wait_for_summaries_that_are_never_made(
    run: ProcessorRun,
) -> None:
    run._rollup_worker.failure = PermanentError("the user lacks the rights")
    with pytest.raises(PermanentError, match="no day can be summarised: the user lacks"):
        run._summarised()
