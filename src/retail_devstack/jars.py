"""Kafka's and ZooKeeper's jars, resolved and downloaded once, then kept in the cache folder."""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from tenacity import Retrying, stop_after_attempt

from retail_devstack.java import USE_COMPOSE
from retail_pipeline.errors import PermanentError, os_words

KAFKA_VERSION = "3.9.1"
_COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-reload4j:1.7.36"
_LISTING = "jars.json"
_ATTEMPTS = 3
_CONNECTIONS = 6


def kafka_jars(cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of the jars; download them if ``cache`` does not have all of them.

    Raises:
        PermanentError: the download fails.
    """
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if _complete(folder):
        return folder
    say(f"Downloading Kafka {KAFKA_VERSION} and ZooKeeper (once, about 60 MB) ...")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(
            dir=cache, prefix="download-", ignore_cleanup_errors=True
        ) as scratch:
            _publish(_download(Path(scratch)), folder)
    except OSError as error:
        raise PermanentError(
            f"{os_words(error, cache)}; set RETAIL_CACHE to another folder"
        ) from error
    return folder


def _complete(folder: Path) -> bool:
    """Return whether every listed jar has its full length; the listing is written last."""
    try:
        listing: dict[str, int] = json.loads((folder / _LISTING).read_text("utf-8"))
        return all((folder / name).stat().st_size == size for name, size in listing.items())
    except (OSError, ValueError):
        return False


def _download(scratch: Path) -> Path:
    """Fetch the jars into a folder inside ``scratch``, and check that each is complete."""
    jars = scratch / "jars"
    jars.mkdir()
    listing = {}
    for source in _fetched(scratch):
        if _damaged(source):
            raise PermanentError(f"{source.name} was damaged in the download: try again")
        shutil.copyfile(source, jars / source.name)
        listing[source.name] = source.stat().st_size
    (jars / _LISTING).write_text(json.dumps(listing, indent=1), "utf-8")
    return jars


def _fetched(scratch: Path) -> list[Path]:
    try:
        return Retrying(stop=stop_after_attempt(_ATTEMPTS), reraise=True)(_fetch, scratch)
    except Exception as error:  # jgo and its dependencies raise errors of many types
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise PermanentError(
            f"Kafka's packages can't be downloaded ({error}): check the network, and http_proxy if"
            f" you use one, or {USE_COMPOSE}"
        ) from error


def _fetch(scratch: Path) -> list[Path]:
    """Let jgo resolve what Kafka needs, and download it.

    Each try has a new download cache: a used one may contain a file of an interrupted download,
    which jgo would take for a complete one. jgo's own environments are not used:
    creating one would download a Java runtime if there is none.
    """
    from jgo.maven import MavenContext
    from jgo.parse import Endpoint

    context = MavenContext(repo_cache=Path(mkdtemp(dir=scratch)), timeout=30)
    wanted = [
        context.create_dependency(replace(coordinate, scope="compile"))
        for coordinate in Endpoint.parse(_COORDINATES).coordinates
    ]
    inputs, further = context.resolver.resolve(wanted)
    needed = [*inputs, *(each for each in further if each.scope in ("compile", "runtime"))]
    # Unlike an executor's threads, its threads don't delay the end of an interrupted command.
    with ThreadPool(_CONNECTIONS) as pool:
        fetched = pool.map_async(lambda each: Path(each.artifact.resolve()), needed)
        # A wait without end could miss a signal that comes just before it.
        while not fetched.ready():
            fetched.wait(0.2)
        return fetched.get()


def _damaged(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.testzip() is not None
    except zipfile.BadZipFile:
        return True


def _publish(jars: Path, folder: Path) -> None:
    """Put the finished download in its place, unless another process was faster."""
    if _complete(folder):
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        jars.rename(folder)
    except OSError:
        if not _complete(folder):
            raise
