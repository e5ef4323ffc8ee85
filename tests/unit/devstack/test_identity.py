"""The stack's processes are known for certain, whatever happens to the clock or the state file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pytest_mock import MockerFixture

from retail_devstack import processes, session
from retail_devstack import stack as stack_module
from retail_devstack.home import Home
from retail_devstack.locks import acquire
from retail_devstack.process_search import users_of
from retail_devstack.processes import Process
from retail_devstack.session import bring_down
from retail_devstack.stack import SERVERS, Stack
from retail_pipeline.errors import PermanentError
from tests.sleeping_stack import SLEEP, servers, service

PARTS = [*SERVERS, "processor"]


@pytest.fixture
def running(tmp_path: Path, mocker: MockerFixture) -> Iterator[Stack]:
    """A stack of three servers and a processor that only sleep."""
    mocker.patch.object(Stack, "_servers", servers)
    made = Stack(Home(tmp_path / "home", tmp_path))
    made.start_servers()
    made.spawn("processor", service(made, "processor", []), {})
    started = dict(made.state.processes)
    yield made
    for process in started.values():
        processes.stop(process, 0)


def pids(stack: Stack) -> dict[str, int]:
    return {part: process.pid for part, process in stack.state.processes.items()}


def runs(stack: Stack) -> list[str]:
    return [part for part in PARTS if stack.alive(part)]


def test_a_stack_is_used_and_stopped_after_the_clock_was_set(
    running: Stack, mocker: MockerFixture
) -> None:
    real = psutil.Process.create_time
    mocker.patch.object(psutil.Process, "create_time", lambda self: real(self) + 60)
    mocker.patch.object(stack_module, "find_parts", return_value={})
    again = Stack(running.home)
    assert pids(again) == pids(running) and runs(again) == PARTS
    assert again.start_servers() == [], "a second server would write to the same folder"
    assert bring_down(again) == []
    assert runs(running) == []


def test_a_process_with_the_same_id_is_another_one_after_a_reboot(running: Stack) -> None:
    live = running.state.processes["kafka"]
    tick = live.started.rpartition("/")[2]
    assert not processes.alive(Process(live.pid, live.created - 3600, f"an-earlier-boot/{tick}"))
    assert processes.alive(live)


def test_a_stack_that_an_older_release_started_is_used_and_stopped(
    running: Stack, mocker: MockerFixture
) -> None:
    text = running.home.state_file.read_text()
    state = json.loads(text)
    for process in state["processes"].values():
        del process["started"]
        process["created"] += 60  # and the clock was set
    running.home.state_file.write_text(json.dumps({**state, "stopping": True}))
    again = Stack(running.home)
    assert pids(again) == pids(running) and runs(again) == PARTS
    assert again.state.passwords == running.state.passwords
    assert bring_down(again) == []
    assert runs(running) == []


def test_what_was_started_and_never_saved_is_found(running: Stack) -> None:
    state = json.loads(running.home.state_file.read_text())
    del state["processes"]["kafka"], state["processes"]["processor"]
    running.home.state_file.write_text(json.dumps(state))
    again = Stack(running.home)
    assert pids(again) == pids(running)
    assert again.start_servers() == []


def test_a_stack_with_a_damaged_state_is_stopped_and_the_file_is_kept(running: Stack) -> None:
    running.home.state_file.write_text('{"passwords": ')
    again = Stack(running.home)
    with pytest.raises(PermanentError, match="stack.json can't be read.*retail local down"):
        again.start_servers()
    assert bring_down(again) == []
    assert runs(running) == []
    assert running.home.state_file.read_text() == '{"passwords": '


def test_a_stack_whose_folder_was_deleted_is_stopped_and_the_folder_not_made_again(
    running: Stack,
) -> None:
    shutil.rmtree(running.home.root)
    assert bring_down(Stack(running.home)) == []
    assert runs(running) == []
    assert not running.home.root.exists()


def test_a_stack_whose_folder_was_moved_is_stopped(running: Stack, tmp_path: Path) -> None:
    moved = Home(running.home.root.rename(tmp_path / "moved"), tmp_path)
    assert bring_down(Stack(moved)) == []
    assert runs(running) == []


def test_a_stack_reached_through_a_link_is_the_same_stack(running: Stack, tmp_path: Path) -> None:
    running.home.state_file.unlink()
    (tmp_path / "link").symlink_to(running.home.root)
    assert pids(Stack(Home(tmp_path / "link", tmp_path))) == pids(running)


def test_the_processes_of_another_folder_are_left_alone(running: Stack, tmp_path: Path) -> None:
    other = Stack(Home(tmp_path / "other", tmp_path))
    other.start_servers()
    try:
        assert bring_down(other) == []
    finally:
        other.stop()
    assert runs(running) == PARTS


def test_two_servers_that_run_in_one_folder_are_both_stopped(running: Stack) -> None:
    command = [*SLEEP, str(running.home.config("zookeeper.properties"))]
    with subprocess.Popen(command, cwd=running.home.root) as second:
        assert bring_down(running) == []
        assert second.wait(10) is not None
    assert runs(running) == []


def test_a_server_holds_the_lock_of_its_data_as_long_as_it_runs(running: Stack) -> None:
    lock = running.home.data_lock("zookeeper")
    assert acquire(lock) is None
    processes.stop(running.process("zookeeper"), 5)
    free = acquire(lock)
    assert free is not None
    os.close(free)


def test_no_server_starts_on_data_whose_lock_another_process_holds(running: Stack) -> None:
    processes.stop(running.process("zookeeper"), 5)
    descriptor = acquire(running.home.data_lock("zookeeper"))
    assert descriptor is not None
    try:
        with pytest.raises(PermanentError, match="data/zookeeper is in use"):
            running.start_servers(["zookeeper"])
    finally:
        os.close(descriptor)
    assert not running.alive("zookeeper")


def test_no_server_starts_on_data_in_which_another_process_has_a_file_open(
    running: Stack,
) -> None:
    processes.stop(running.process("zookeeper"), 5)
    code = f"file = open({str(running.home.data('zookeeper') / 'log.1')!r}, 'w'); print(flush=True)"
    command = [sys.executable, "-c", f"{code}; import time; time.sleep(100)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None and stranger.stdout.readline()
        with pytest.raises(PermanentError, match=f"in use by process {stranger.pid} "):
            running.start_servers(["zookeeper"])
        stranger.kill()
    assert users_of(running.home.data("zookeeper")) == []
    assert running.start_servers(["zookeeper"])[0] == "zookeeper"


def test_a_suspended_part_is_continued_so_that_it_can_end(running: Stack) -> None:
    psutil.Process(running.state.processes["processor"].pid).suspend()
    assert bring_down(running) == []


def test_what_this_user_may_not_stop_is_named_after_all_others_are_stopped(
    running: Stack, mocker: MockerFixture
) -> None:
    kafka = running.state.processes["kafka"]
    real = processes.stop
    mocker.patch.object(processes, "stop", lambda one, grace: one == kafka or real(one, grace))
    with pytest.raises(PermanentError, match=f"kafka .process {kafka.pid}. can't be stopped"):
        bring_down(running)
    assert runs(running) == ["kafka"]
    assert pids(Stack(running.home)) == {"kafka": kafka.pid}


def test_a_command_that_never_lets_go_of_the_lock_does_not_keep_the_stack_running(
    running: Stack, mocker: MockerFixture
) -> None:
    mocker.patch.object(session, "_MOMENT", 0)
    mocker.patch.object(session, "_STOP_LIMIT", 0)
    with running.home.locked():
        assert bring_down(running) == []
    assert runs(running) == []
