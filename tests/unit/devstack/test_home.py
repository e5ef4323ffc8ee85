"""The home folder: what is in it, who may read it, and who may change it at a time."""

from __future__ import annotations

import builtins
import stat
import threading
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from retail_devstack.home import Home, check_disk
from retail_devstack.processes import Process
from retail_devstack.state import ROLES, load_state, new_state, save_state
from retail_pipeline.errors import PermanentError, UsageError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home", tmp_path / "cache")
    made.create()
    return made


def test_the_environment_names_home_and_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETAIL_HOME", "elsewhere")
    monkeypatch.setenv("RETAIL_CACHE", str(tmp_path / "downloads"))
    home = Home.from_environment()
    assert home == Home(tmp_path / "elsewhere", tmp_path / "downloads")


@pytest.mark.parametrize(
    ("free", "expected"), [(3e9, []), (1e9, ["Only 1,000 MB are free on the disk of"])]
)
def test_a_disk_with_little_room_is_named_before_the_start(
    tmp_path: Path, mocker: MockerFixture, free: float, expected: list[str]
) -> None:
    mocker.patch("psutil.disk_usage", return_value=mocker.Mock(free=free))
    messages: list[str] = []
    check_disk(tmp_path / "not" / "there", messages.append)
    assert [text[: len(expected[0])] for text in messages] == expected


def test_a_disk_without_room_ends_the_start(tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch("psutil.disk_usage", return_value=mocker.Mock(free=1e8))
    with pytest.raises(PermanentError, match="only 100 MB are free on the disk of .*RETAIL_HOME"):
        check_disk(tmp_path, print)


def test_downloads_go_into_the_home_where_the_user_has_no_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("RETAIL_CACHE", raising=False)
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path / "home"))
    for nobody in ("/dev/null", "/proc/1"):
        monkeypatch.setenv("HOME", nobody)
        assert Home.from_environment().cache == tmp_path / "home" / "cache"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path / "home" not in Home.from_environment().cache.parents


def test_an_empty_variable_is_as_good_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETAIL_HOME", "")
    monkeypatch.setenv("RETAIL_CACHE", "")
    home = Home.from_environment()
    assert home.root == tmp_path / ".retail"
    assert home.cache.name == "retail-pipeline"


def test_without_the_packages_for_the_local_stack_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delenv("RETAIL_CACHE", raising=False)
    real_import = builtins.__import__

    def without_platformdirs(name: str, *rest: object) -> object:
        if name == "platformdirs":
            raise ImportError(name)
        return real_import(name, *rest)  # type: ignore[arg-type]  # handed on

    mocker.patch("builtins.__import__", without_platformdirs)
    with pytest.raises(UsageError, match="pip install -r requirements-local.txt"):
        Home.from_environment()


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="file.*RETAIL_HOME"):
        Home(tmp_path / "file", tmp_path).create()


def test_two_commands_cannot_change_one_stack_at_the_same_time(home: Home) -> None:
    with home.locked():
        with pytest.raises(PermanentError, match="another command"), home.locked():
            pass
    with home.locked():
        pass


def test_a_command_can_wait_for_the_lock(home: Home) -> None:
    locked = threading.Event()
    ended: list[str] = []

    def hold() -> None:
        with home.locked():
            locked.set()
            threading.Event().wait(0.3)
            ended.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(5)
    with home.locked(wait_s=5):
        ended.append("second")
    thread.join()
    assert ended == ["first", "second"]


def test_the_state_comes_back_as_it_was_saved_and_only_its_owner_reads_it(home: Home) -> None:
    state = new_state()
    state.ports["kafka"] = 20_001
    state.processes["kafka"] = Process(pid=4, created=1.5)
    save_state(home, state)
    assert load_state(home) == state
    assert stat.S_IMODE(home.state_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_every_stack_has_passwords_of_its_own() -> None:
    first, second = new_state().passwords, new_state().passwords
    assert set(first) == {"root", *ROLES}
    assert not set(first.values()) & set(second.values())


def test_a_damaged_state_is_reported_and_not_overwritten(home: Home) -> None:
    home.state_file.write_text('{"passwords": ')
    with pytest.raises(PermanentError, match="stack.json can't be read"):
        load_state(home)
    assert home.state_file.read_text() == '{"passwords": '
