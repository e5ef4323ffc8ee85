"""The user's environment does not reach the servers, nor does it come between the stack's parts."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.request import proxy_bypass

import pytest

from retail_devstack.home import Home
from retail_devstack.java import java_version
from retail_devstack.mongod import Mongod
from retail_devstack.servers import Kafka, MongoServer, Server, ZooKeeper
from retail_devstack.surroundings import service_env
from tests.hostile import HOSTILE
from tests.unit.devstack.test_packages import script


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "мой 50% $HOME #1 'a' = \\u0041", tmp_path / "кэш: *")
    made.create()
    return made


def servers(home: Home) -> list[Server]:
    return [
        ZooKeeper(home, Path("java"), home.cache, 1),
        Kafka(home, Path("java"), home.cache, 2, 1),
        MongoServer(home, Mongod(Path("mongod"), {"LD_LIBRARY_PATH": "/ours"}), 3),
    ]


def test_servers_get_a_fixed_environment(hostile: None, home: Home) -> None:
    for server in servers(home):
        env = server.env()
        assert env.pop("LC_ALL") == "C.UTF-8" and env.pop("TZ") == "UTC"
        assert env.pop("LD_LIBRARY_PATH", "/ours") == "/ours"
        assert not set(env) & set(HOSTILE)
        assert env["PATH"] == os.environ["PATH"]


def test_java_does_not_speak_the_users_language(home: Home) -> None:
    for server in servers(home)[:2]:
        assert {"-Duser.language=en", "-Duser.country=US"} <= set(server.command())


def test_no_letter_of_the_folders_names_reaches_a_command_or_a_configuration(home: Home) -> None:
    for server in servers(home):
        words = [str(word) for word in server.command()]
        configs = [path.read_text() for path in home.config("").iterdir()]
        for text in (*words, *configs):
            assert not any(word in text for word in ("мой", "кэш", "%20", str(home.root.parent)))
    assert (home.root / "lib" / "jars").readlink() == home.cache


def test_a_java_is_tried_as_it_will_run(hostile: None, tmp_path: Path) -> None:
    java = script(
        tmp_path / "java",
        'test -z "$JAVA_TOOL_OPTIONS$_JAVA_OPTIONS$LD_PRELOAD" || exit 1\n'
        "echo 'openjdk version \"21.0.1\"' >&2",
    )
    assert java_version(java)[0] == 21


@pytest.mark.parametrize("before", ["", "intranet.example", "a.example, 10.0.0.1"])
def test_services_keep_the_users_proxy_for_others_only(
    hostile: None, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setenv("NO_PROXY", before)
    env = service_env()
    assert env["http_proxy"] == HOSTILE["http_proxy"]
    monkeypatch.setattr(os, "environ", env)
    others = [host.strip() for host in before.split(",") if host]
    assert all(proxy_bypass(host) for host in ("127.0.0.1", "localhost", "::1", *others))
    assert not proxy_bypass("repo.maven.apache.org")
