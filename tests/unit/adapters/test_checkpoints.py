"""Checkpoints survive a crash, damage, and two producers of the same file at once."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from retail_pipeline.adapters.checkpoints import CheckpointFolder
from retail_pipeline.domain.checkpoint import Checkpoint
from retail_pipeline.errors import PermanentError, RetailError, TransientError

SOURCE = "abcdef0123456789"


def test_what_is_saved_is_loaded_until_it_is_forgotten(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, "topic")
    folder.save(SOURCE, Checkpoint(position=7, rows_read=6))
    assert CheckpointFolder(tmp_path, "topic").load(SOURCE) == Checkpoint(position=7, rows_read=6)
    assert CheckpointFolder(tmp_path, "created again").load(SOURCE) == Checkpoint()
    folder.forget(SOURCE)
    assert folder.load(SOURCE) == Checkpoint()


def test_a_checkpoint_of_an_older_release_is_loaded(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, "topic")
    folder.save(SOURCE, Checkpoint())
    [path] = tmp_path.rglob("*.json")
    path.write_text('{"row":7,"rows_read":6,"rows_sent":6,"rows_rejected":0,"complete":false}')
    assert folder.load(SOURCE) == Checkpoint(position=7, rows_read=6, rows_sent=6)


def test_a_damaged_checkpoint_means_from_the_start(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path, "topic")
    folder.save(SOURCE, Checkpoint(position=7))
    [path] = tmp_path.rglob("*.json")
    path.write_bytes(path.read_bytes()[:-3])
    assert folder.load(SOURCE) == Checkpoint()


def test_two_producers_of_one_process_id_save_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, both = CheckpointFolder(tmp_path, "topic"), threading.Barrier(2)
    replace, failed = os.replace, []

    def together(draft: Path, path: Path) -> None:
        both.wait(10)
        replace(draft, path)

    def save(row: int) -> None:
        try:
            folder.save(SOURCE, Checkpoint(position=row))
        except OSError as error:
            failed.append(error)

    monkeypatch.setattr(os, "replace", together)
    producers = [threading.Thread(target=save, args=(row,)) for row in (3, 5)]
    for producer in producers:
        producer.start()
    for producer in producers:
        producer.join(20)
    assert failed == []
    assert folder.load(SOURCE).position in (3, 5)
    assert len(list(tmp_path.rglob("*.*"))) == 1


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, TransientError),
        (errno.EMFILE, TransientError),
        (errno.EROFS, PermanentError),
        (errno.EACCES, PermanentError),
    ],
)
def test_a_checkpoint_that_can_not_be_written_names_its_folder_and_leaves_no_draft(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    kind: type[RetailError],
) -> None:
    folder = CheckpointFolder(tmp_path, "topic")

    def refuse(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind) as refusal:
        folder.save(SOURCE, Checkpoint(position=7))
    assert str(tmp_path) in str(refusal.value) and os.strerror(number) in str(refusal.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
