"""A local stack of one's own, as `retail local up` starts it, with a trickle of rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import typer
from pymongo.database import Database

from chaos.environment import running
from chaos.schedule import PRODUCER
from chaos.workers import Worker
from retail_devstack.environment import settings_of, stack_env
from retail_devstack.home import Home
from retail_devstack.stack import Stack
from retail_devstack.users import root_uri
from retail_pipeline.adapters.mongo.client import Document, connect
from retail_pipeline.sample.writer import write_sample
from retail_pipeline.settings import Settings

# Longer than any command takes, in seconds.
_LONGEST_S = 180.0


class LocalStack:
    """The stack in ``folder``; ``data`` is the file that it stored at its start.

    Nothing that an earlier command reported is kept: each property reads the stack's state again,
    since a repair may start another process.
    """

    def __init__(self, folder: Path, more: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "rows.csv"
        self.home = Home(folder / "home", Home.from_environment().cache)
        own = {"RETAIL_HOME": str(self.home.root), "RETAIL_CACHE": str(self.home.cache)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.env = {**os.environ, **own, "PATH": path, **more}

    @property
    def stack(self) -> Stack:
        """The stack as it is now."""
        return Stack(self.home)

    @property
    def shell_env(self) -> dict[str, str]:
        """The environment of a shell that has read `retail local env`."""
        return {**self.env, **stack_env(self.stack)}

    @property
    def settings(self) -> Settings:
        """The settings of such a shell."""
        return settings_of(stack_env(self.stack))

    def process(self, part: str) -> psutil.Process:
        """Return the process of a part.

        Raises:
            RuntimeError: it does not run.
        """
        return running(self.stack, part)

    @contextmanager
    def database(self) -> Iterator[Database[Document]]:
        """Yield the pipeline's database for a user who may do everything."""
        with connect(root_uri(self.stack.state), name="chaos", timeout_ms=30_000) as client:
            yield client[self.settings.mongo_database]

    def run(self, *arguments: str, wrapper: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run ``retail`` with these arguments, through ``wrapper``; it finds the stack."""
        command = [*wrapper, sys.executable, "-m", "retail_pipeline", *arguments]
        return self._run(command, self.env)

    @contextmanager
    def beside(self, *arguments: str) -> Iterator[None]:
        """Run ``retail`` with these arguments meanwhile; its output goes to a log in ``folder``."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            command = [sys.executable, "-m", "retail_pipeline", *arguments]
            process = subprocess.Popen(
                command, env=self.env, cwd=self.folder, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)

    def shell(self, command: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command as a person types it."""
        return self._run(["bash", "-c", command], env)

    def _run(self, command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=dict(env),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )


@contextmanager
def local_stack(
    folder: Path, rate: float = 20.0, env: Mapping[str, str] | None = None
) -> Iterator[LocalStack]:
    """Start a stack in ``folder`` with all its services; stop it at the end.

    It stores a small file, and then gets ``rate`` rows a second, if any. ``env`` are further
    variables of every process.

    Raises:
        RuntimeError: it does not start.
    """
    local = LocalStack(folder, env or {})
    write_sample(local.data, 300, 7)
    with ExitStack() as open_things:
        open_things.callback(local.run, "local", "down")
        started = local.run("local", "up", "--detach", "--data", str(local.data))
        if started.returncode:
            raise RuntimeError(f"the stack does not start: {started.stdout}{started.stderr}")
        if rate:
            open_things.callback(_trickle(local, rate).close)
        yield local


def _trickle(local: LocalStack, rate: float) -> Worker:
    trickled = local.folder / "trickle.csv"
    write_sample(trickled, 20_000, 8)
    own = {**local.shell_env, "STATE_DIR": str(local.folder / "trickle")}
    stream = ["produce", "--loop", "--rate", f"{rate:g}", str(trickled)]
    producer = Worker(PRODUCER, stream, own, local.folder, typer.echo)
    producer.open()
    return producer
