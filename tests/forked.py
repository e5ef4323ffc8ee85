"""Runs commands as processes of their own that have imported the code already.

A fork of a prepared process starts a second earlier than a new interpreter does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from coverage import Coverage

from tests.paths import ROOT

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["coverage", "retail_pipeline.bootstrap", "retail_pipeline.cli.produce.run", "tests.crash"]
)


def run(
    main: Callable[[], object],
    arguments: list[str],
    env: Mapping[str, str],
    folder: Path,
    timeout_s: float,
) -> tuple[int, str]:
    """Run ``main`` with arguments and environment in ``folder``; return exit status and output.

    The status is negative if a signal ended it. Its standard output comes before its error output.
    """
    with TemporaryDirectory() as own:
        outputs = [Path(own, "out"), Path(own, "error")]
        process = _forks.Process(
            target=_enter,
            args=(main, arguments, dict(env), folder, outputs, Coverage.current() is not None),
        )
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{arguments} did not end within {timeout_s} s")
        return process.exitcode, "".join(output.read_text() for output in outputs)


def _enter(
    main: Callable[[], object],
    arguments: list[str],
    env: dict[str, str],
    folder: Path,
    outputs: list[Path],
    measured: bool,
) -> None:
    for number, output in enumerate(outputs, 1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["retail", *arguments]
    if not measured:
        main()
        return
    coverage = Coverage(
        str(ROOT / ".coverage"), data_suffix=True, config_file=False, source=[str(ROOT / "src")]
    )
    coverage.start()
    try:
        main()
    finally:
        coverage.stop()
        coverage.save()
