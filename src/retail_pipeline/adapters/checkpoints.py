"""Checkpoints: how much of each source is acknowledged, a small file each, replaced atomically."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from retail_pipeline.domain.checkpoint import Checkpoint
from retail_pipeline.errors import PermanentError, TransientError

log = logging.getLogger(__name__)
_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class CheckpointFolder:
    """Checkpoints of one topic.

    ``topic_id`` is the broker's own identity of the topic: a topic that was deleted or lost and
    created again holds nothing, so the checkpoints of the old one don't count for it.
    """

    def __init__(self, folder: Path, topic_id: str) -> None:
        self._folder = folder / "checkpoints" / topic_id

    def load(self, source: str) -> Checkpoint:
        """Return the checkpoint of ``source``; a missing or damaged one means from the start."""
        try:
            return msgspec.json.decode(self._path(source).read_bytes(), type=Checkpoint)
        except FileNotFoundError:
            return Checkpoint()
        except (msgspec.DecodeError, OSError) as error:
            log.warning(
                "checkpoint %s is unreadable (%s): starting over",
                *(source, error),
                extra={"source": source},
            )
            return Checkpoint()

    def save(self, source: str, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint of ``source``, durably.

        Raises:
            TransientError: it can't be written now: the disk is full, say.
            PermanentError: the folder can't be written to.
        """
        # Two producers of the same file must not write into one another's draft; in containers
        # that share the folder, they even have the same process id.
        draft = self._folder / f"{source}.{uuid4().hex}.tmp"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as stream:
                stream.write(msgspec.json.encode(checkpoint))
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(draft, self._path(source))
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            text = f"{self._folder}: no checkpoint can be written: {error.strerror or error}"
            if error.errno in _RIGHTS:
                raise PermanentError(f"{text}: STATE_DIR must name a folder to write to") from error
            raise TransientError(text) from error

    def forget(self, source: str) -> None:
        """Remove the checkpoint of ``source``: it is sent from the start again."""
        self._path(source).unlink(missing_ok=True)

    def _path(self, source: str) -> Path:
        return self._folder / f"{source}.json"
