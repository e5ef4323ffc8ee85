"""Kafka's and ZooKeeper's jars, resolved and downloaded once, then kept in the cache folder."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from retail_pipeline.errors import PermanentError
from retail_pipeline.local.java import USE_COMPOSE

KAFKA_VERSION = "3.9.1"
_COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-reload4j:1.7.36"
_LISTING = "jars.json"
_ATTEMPTS = 3


def kafka_jars(cache: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of the jars, downloading them if ``cache`` doesn't hold all of them.

    Raises:
        PermanentError: the download fails.
    """
    folder = cache / f"kafka-{KAFKA_VERSION}"
    if _complete(folder):
        return folder
    say(f"Downloading Kafka {KAFKA_VERSION} and ZooKeeper (once, about 60 MB) ...")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="download-") as scratch:
            _publish(_download(Path(scratch)), folder)
    except OSError as error:
        raise PermanentError(f"{cache}: {error}; set RETAIL_CACHE") from error
    return folder


def _complete(folder: Path) -> bool:
    """Tell whether every listed jar is there in its full length; the listing is written last."""
    try:
        listing: dict[str, int] = json.loads((folder / _LISTING).read_text("utf-8"))
        return all((folder / name).stat().st_size == size for name, size in listing.items())
    except (OSError, ValueError):
        return False


def _download(scratch: Path) -> Path:
    """Fetch the jars into a folder inside ``scratch``, and check that each can be read whole."""
    jars = scratch / "jars"
    jars.mkdir()
    listing = {}
    for source in _resolve(scratch):
        if _damaged(source):
            raise PermanentError(f"{source.name} arrived damaged: try again")
        shutil.copyfile(source, jars / source.name)
        listing[source.name] = source.stat().st_size
    (jars / _LISTING).write_text(json.dumps(listing, indent=1), "utf-8")
    return jars


def _resolve(scratch: Path) -> list[Path]:
    """Let jgo work out and download what Kafka needs.

    Its download cache is our scratch folder: a shared one may hold what an interrupted download
    left behind, which jgo would take for a whole file.
    """
    from jgo.env import EnvironmentBuilder
    from jgo.maven import MavenContext

    logging.getLogger("jgo").setLevel(logging.ERROR)
    problem: Exception | None = None
    for attempt in range(_ATTEMPTS):
        folder = scratch / str(attempt)
        context = MavenContext(repo_cache=folder / "repository", timeout=30)
        builder = EnvironmentBuilder(context=context, cache_dir=folder / "environment")
        try:
            return list(builder.from_endpoint(_COORDINATES).all_jars)
        except Exception as error:  # jgo and what it stands on raise errors of many families
            problem = error
    raise PermanentError(
        f"Kafka's packages can't be downloaded ({problem}): check the network, or {USE_COMPOSE}"
    ) from problem


def _damaged(jar: Path) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return archive.testzip() is not None
    except zipfile.BadZipFile:
        return True


def _publish(jars: Path, folder: Path) -> None:
    """Put the finished download in its place, unless another process was faster."""
    if folder.exists():
        shutil.rmtree(folder)
    try:
        jars.rename(folder)
    except OSError:
        if not _complete(folder):
            raise
