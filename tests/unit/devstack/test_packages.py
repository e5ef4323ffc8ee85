"""Java, the jars and mongod: which one is used, and the message if there is none."""

from __future__ import annotations

import importlib
import json
import shutil
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest_mock import MockerFixture

from retail_devstack import jars, java, mongod
from retail_pipeline.errors import PermanentError


def script(path: Path, body: str) -> Path:
    """Write a shell script that stands in for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def a_java(path: Path, version: str) -> Path:
    return script(path, f"echo 'openjdk version \"{version}\" 2025-01-01' >&2")


@pytest.mark.parametrize(
    ("version", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("21", 21), ("24-ea", 24)]
)
def test_java_says_its_version_in_many_ways(tmp_path: Path, version: str, major: int) -> None:
    assert java.java_version(a_java(tmp_path / "java", version))[0] == major


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert java.java_version(tmp_path / "missing")[0] is None
    assert java.java_version(script(tmp_path / "broken", "exit 1"))[0] is None


def test_the_first_suitable_java_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_java(tmp_path / "home/bin/java", "8.0.1")
    system = a_java(tmp_path / "path/java", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/bin:/usr/bin")
    assert java.find_java() == system


def test_where_the_system_has_no_suitable_java_the_packaged_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    packaged = a_java(tmp_path / "packaged/java", "21.0.8")
    a_java(tmp_path / "path/java", "24.0.1")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/bin:/usr/bin")
    mocker.patch.object(importlib, "import_module", return_value=SimpleNamespace(JAVA=packaged))
    assert java.find_java() == packaged


def test_without_any_java_the_error_points_to_compose(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    mocker.patch.object(shutil, "which", return_value=None)
    mocker.patch.object(importlib, "import_module", side_effect=ImportError)
    with pytest.raises(PermanentError, match="docker compose up"):
        java.find_java()


def a_jar(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Main.class", "code" * 100)
    return path


@pytest.fixture
def fetched(mocker: MockerFixture) -> list[Path]:
    """Each download of the jars, none of which reaches the network."""
    calls: list[Path] = []

    def fetch(scratch: Path) -> list[Path]:
        calls.append(scratch)
        return [a_jar(scratch / "kafka.jar"), a_jar(scratch / "zookeeper.jar")]

    mocker.patch.object(jars, "_fetch", fetch)
    return calls


def test_jars_are_downloaded_once(tmp_path: Path, fetched: list[Path]) -> None:
    messages: list[str] = []
    folder = jars.kafka_jars(tmp_path / "cache", messages.append)
    assert jars.kafka_jars(tmp_path / "cache", messages.append) == folder
    assert {jar.name for jar in folder.glob("*.jar")} == {"kafka.jar", "zookeeper.jar"}
    assert len(fetched) == 1 and len(messages) == 1
    assert list((tmp_path / "cache").iterdir()) == [folder], "no scratch folder is left"


def test_jars_that_are_incomplete_are_downloaded_again(tmp_path: Path, fetched: list[Path]) -> None:
    folder = jars.kafka_jars(tmp_path, print)
    (folder / "kafka.jar").write_bytes(b"half")
    jars.kafka_jars(tmp_path, print)
    (folder / "zookeeper.jar").unlink()
    jars.kafka_jars(tmp_path, print)
    assert len(fetched) == 3
    assert zipfile.is_zipfile(folder / "kafka.jar")


def test_a_damaged_download_is_not_kept(tmp_path: Path, mocker: MockerFixture) -> None:
    def fetch(scratch: Path) -> list[Path]:
        jar = a_jar(scratch / "kafka.jar")
        jar.write_bytes(jar.read_bytes()[:40])
        return [jar]

    mocker.patch.object(jars, "_fetch", fetch)
    with pytest.raises(PermanentError, match="kafka.jar was damaged in the download"):
        jars.kafka_jars(tmp_path, print)
    assert list(tmp_path.iterdir()) == []


def test_a_faster_process_may_have_put_the_jars_there(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    for folder in (mine, theirs):
        folder.mkdir()
        size = a_jar(folder / "kafka.jar").stat().st_size
        (folder / "jars.json").write_text(json.dumps({"kafka.jar": size}))
    jars._publish(mine, theirs)
    assert (theirs / "kafka.jar").exists()


def test_without_a_network_the_error_points_to_compose(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    tried = mocker.patch(
        "jgo.maven.MavenContext.create_dependency", side_effect=OSError("no route")
    )
    with pytest.raises(PermanentError, match="no route.*docker compose up"):
        jars.kafka_jars(tmp_path, print)
    assert tried.call_count == 3


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="RETAIL_CACHE"):
        jars.kafka_jars(tmp_path / "file", print)


def only(mocker: MockerFixture, *binaries: Path) -> None:
    mocker.patch.object(mongod, "_candidates", return_value=list(binaries))


def test_the_first_mongod_that_runs_and_is_new_enough_is_taken(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    old = script(tmp_path / "old", "echo 'db version v4.4.1'")
    new = script(tmp_path / "new", "echo 'db version v8.0.3'")
    only(mocker, tmp_path / "missing", old, new)
    assert mongod.find_mongod(tmp_path / "lib").binary == new


def test_a_mongod_that_needs_a_newer_processor_is_not_called_old(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    only(mocker, script(tmp_path / "mongod", "kill -s ILL $$"))
    with pytest.raises(PermanentError, match="mongod: killed by SIGILL: this CPU") as raised:
        mongod.find_mongod(tmp_path / "lib")
    assert "AVX" in str(raised.value) and "docker compose" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("kill -s SEGV $$", "killed by SIGSEGV"),
        ("kill -s KILL $$", "killed by SIGKILL: perhaps because memory ran out"),
        ("exit 132", "killed by SIGILL: this CPU lacks"),
        ("echo bad flag >&2; exit 2", "bad flag"),
        ("exit 3", "it ended with exit status 3"),
        ("echo hello", "it prints no version"),
        ("echo 'openjdk version \"8\"'", "version 8"),
    ],
)
def test_a_program_that_does_not_run_is_named_with_how_it_ended(
    tmp_path: Path, mocker: MockerFixture, body: str, how: str
) -> None:
    broken = script(tmp_path / "java", body)
    mocker.patch.object(java, "_candidates", return_value=[broken, tmp_path / "gone"])
    with pytest.raises(PermanentError) as raised:
        java.find_java()
    assert f"{broken}: {how}" in str(raised.value)
    assert f"{tmp_path / 'gone'}: No such file" in str(raised.value)


def test_a_mongod_that_lacks_libcurl_borrows_it(tmp_path: Path, mocker: MockerFixture) -> None:
    library = tmp_path / "wheel" / "libcurl-1234.so.4.8.0"
    library.parent.mkdir()
    library.touch()
    mocker.patch.object(
        mongod,
        "distribution",
        return_value=SimpleNamespace(
            files=[SimpleNamespace(name=library.name, locate=lambda: library)]
        ),
    )
    binary = script(
        tmp_path / "mongod",
        'case "$LD_LIBRARY_PATH" in'
        f" {tmp_path}/lib:{library.parent}*) echo 'db version v6.0.5' ;;"
        " *) echo 'libcurl.so.4: cannot open shared object file' >&2; exit 127 ;; esac",
    )
    only(mocker, binary)
    found = mongod.find_mongod(tmp_path / "lib")
    assert found.binary == binary
    assert (tmp_path / "lib" / "libcurl.so.4").resolve() == library
    assert found.env()["LD_LIBRARY_PATH"].startswith(str(tmp_path / "lib"))


def test_where_nothing_can_be_borrowed_the_error_says_what_is_missing(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch.object(mongod, "distribution", side_effect=PackageNotFoundError)
    only(mocker, script(tmp_path / "mongod", "echo 'libcurl.so.4: missing' >&2; exit 127"))
    with pytest.raises(PermanentError, match="libcurl.so.4: missing.*docker compose up"):
        mongod.find_mongod(tmp_path / "lib")


def test_without_any_mongod_the_error_points_to_compose(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    mocker.patch.object(mongod, "distribution", side_effect=PackageNotFoundError)
    mocker.patch.object(shutil, "which", return_value=None)
    with pytest.raises(PermanentError, match="none found.*docker compose up"):
        mongod.find_mongod(tmp_path / "lib")
