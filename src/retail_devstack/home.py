"""The folders of the local stack: its home, and a cache for its downloads."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from retail_devstack.locks import acquire
from retail_devstack.processes import Process, describe
from retail_pipeline.adapters.host import read_disk
from retail_pipeline.errors import PermanentError, UsageError, os_words
from retail_pipeline.operations.disk import LOW_DISK, NO_DISK
from retail_pipeline.settings import UserPath, loaded

# The free memory that a stack takes, in bytes.
ENOUGH_MEMORY = 1.5e9

_SIGNATURE_BYTES = 200


class Busy(PermanentError):
    """Another command is starting or stopping the stack."""


class LocalSettings(BaseSettings):
    """The settings that only the local stack has."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    retail_home: UserPath = Field(
        Path(".retail"), description="Folder of the local stack: its data, logs and passwords."
    )
    retail_cache: UserPath | None = Field(
        None, description="Folder of the local stack's downloads; the user's cache by default."
    )


@dataclass(frozen=True)
class Home:
    """The folders and files of one local stack."""

    root: Path
    cache: Path

    @classmethod
    def from_environment(cls) -> Home:
        """Return the home that ``RETAIL_HOME`` and ``RETAIL_CACHE`` name.

        Raises:
            SettingsError: one of them names a home folder that does not exist.
        """
        settings = loaded(LocalSettings)
        cache = settings.retail_cache or _user_cache(settings.retail_home)
        return cls(settings.retail_home.absolute(), cache.absolute())

    @property
    def state_file(self) -> Path:
        """Ports, passwords and process ids."""
        return self.root / "stack.json"

    @property
    def checkpoints(self) -> Path:
        """The producer's folder (``STATE_DIR``)."""
        return self.root / "state"

    @property
    def heartbeat(self) -> Path:
        """The file that the processor touches."""
        return self.root / "heartbeat"

    @property
    def sample(self) -> Path:
        """The made-up transactions that are streamed if the user names no file."""
        return self.root / "sample.csv"

    def data(self, server: str) -> Path:
        """Return the folder in which ``server`` keeps its data."""
        return self.root / "data" / server

    def data_lock(self, server: str) -> Path:
        """Return the file that ``server`` keeps locked while it runs."""
        return self.data(server) / "in-use.lock"

    def log(self, part: str) -> Path:
        """Return the file that ``part`` writes its output to."""
        return self.root / "logs" / f"{part}.log"

    def exit_file(self, part: str) -> Path:
        """Return the file in which ``part`` leaves its exit status."""
        return self.root / "logs" / f"{part}.exit"

    def config(self, name: str) -> Path:
        """Return the path of a configuration file made for a server."""
        return self.root / "conf" / name

    def create(self) -> None:
        """Create the folders; only their owner can read them.

        Raises:
            PermanentError: the folder can't be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for name in ("data", "logs", "conf", "state"):
                (self.root / name).mkdir(exist_ok=True)
        except OSError as error:
            words = os_words(error, self.root)
            raise PermanentError(f"{words}; set RETAIL_HOME to another folder") from error

    @contextmanager
    def locked(self, wait_s: float = 0.0) -> Iterator[None]:
        """Lock the home; the system releases the lock if this process dies.

        Raises:
            Busy: after ``wait_s`` seconds another command is still starting or stopping this
                stack.
            PermanentError: the lock file can't be locked.
        """
        deadline = time.monotonic() + wait_s
        while (descriptor := self._acquire()) is None:
            if time.monotonic() >= deadline:
                raise Busy(
                    f"another command is starting or stopping the stack in {self.root}:"
                    " wait until it is done, or end it with `retail local down`"
                )
            time.sleep(0.1)
        try:
            _sign(descriptor)
            yield
        finally:
            os.close(descriptor)

    def busy(self) -> bool:
        """Return whether another command is starting or stopping this stack."""
        try:
            descriptor = self._acquire()
        except PermanentError:
            return False
        if descriptor is not None:
            os.close(descriptor)
        return descriptor is None

    def holder(self) -> Process | None:
        """Return the process that took the lock last, or None if the file does not name it."""
        try:
            return msgspec.json.decode(self._lock_file.read_bytes(), type=Process)
        except (msgspec.DecodeError, OSError):
            return None

    @property
    def _lock_file(self) -> Path:
        return self.root / "lock"

    def _acquire(self) -> int | None:
        try:
            return acquire(self._lock_file)
        except OSError as error:
            raise PermanentError(os_words(error, self.root)) from error


def _sign(descriptor: int) -> None:
    """Write into the lock's file which process has locked it, if the disk allows it."""
    if sys.platform == "win32":  # other processes could not read it
        return
    # Overwriting the old text needs no free block on a full disk.
    text = msgspec.json.encode(describe(psutil.Process())).ljust(_SIGNATURE_BYTES)
    with suppress(OSError):
        os.pwrite(descriptor, text, 0)


def check_disk(folder: Path, say: Callable[[str], None]) -> None:
    """Warn if the disk of ``folder``, which may not exist yet, has little free space.

    Raises:
        PermanentError: the free space is too small for the servers to start.
    """
    free = read_disk(folder).free
    text = f"only {free / 1e6:,.0f} MB are free on the disk of {folder}"
    if free < NO_DISK:
        raise PermanentError(
            f"{text}, and the servers need {NO_DISK / 1e6:,.0f} MB to start: free some space,"
            " or set RETAIL_HOME to a folder on another disk"
        )
    if free < LOW_DISK:
        say(f"{text[0].upper()}{text[1:]}; the stack takes about 500 MB, and more with more data.")


def _user_cache(home: Path) -> Path:
    """Return the user's cache folder, or a folder inside ``home`` if that can't be created."""
    try:
        import platformdirs
    except ImportError as error:  # the images lack the packages that only this stack needs
        raise UsageError(
            "the local stack needs more packages: pip install -r requirements-local.txt"
        ) from error
    folder = platformdirs.user_cache_path("retail-pipeline")
    above = next((path for path in folder.parents if os.path.lexists(path)), home)
    can_be_made = folder.is_absolute() and os.path.isdir(above) and os.access(above, os.W_OK)
    return folder if os.path.isdir(folder) or can_be_made else home / "cache"
