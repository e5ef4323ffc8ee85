"""What the local stack says of its own state: backlog, waiting, following, status."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import CoordinatorNotAvailableError, KafkaTimeoutError
from kafka.protocol.consumer import OffsetSpec
from pymongo.errors import ServerSelectionTimeoutError
from pytest_mock import MockerFixture

from retail_devstack import backlog, foreground, services, status, waiting
from retail_devstack.backlog import Backlog, Gauge
from retail_devstack.environment import as_exports
from retail_devstack.home import Home
from retail_devstack.processes import spawn, stop
from retail_devstack.stack import SERVERS, Stack
from retail_pipeline.errors import PermanentError, TransientError, UsageError
from retail_pipeline.settings import Settings

Answer = Backlog | Exception


class FakeAdmin:
    """A broker with two partitions, one of which has lost its first records to retention."""

    def __init__(self, committed: dict[int, int] | None) -> None:
        self.committed = committed
        self.closed = False

    def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        parts = [{"partition_index": 0}, {"partition_index": 1}]
        return [{"name": topics[0], "partitions": parts}, {"name": topics[1], "partitions": []}]

    def list_partition_offsets(self, wanted: dict[Any, Any]) -> dict[Any, Any]:
        known = {OffsetSpec.EARLIEST: (0, 40), OffsetSpec.LATEST: (100, 50)}
        return {
            partition: SimpleNamespace(offset=known[spec][partition.partition])
            for partition, spec in wanted.items()
        }

    def list_group_offsets(self, groups: list[str]) -> dict[str, Any]:
        if self.committed is None:
            raise CoordinatorNotAvailableError
        offsets = {
            TopicPartition("retail_transactions", number): SimpleNamespace(offset=offset)
            for number, offset in self.committed.items()
        }
        return {groups[0]: offsets}

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("committed", "left"),
    [(None, 110), ({}, 110), ({0: 100}, 10), ({0: 70, 1: 20}, 40), ({0: 100, 1: 50}, 0)],
)
def test_what_is_left_is_what_was_sent_and_not_committed(
    mocker: MockerFixture, committed: dict[int, int] | None, left: int
) -> None:
    mocker.patch.object(backlog, "kafka_admin", return_value=FakeAdmin(committed))
    mongo = mocker.patch.object(backlog, "connect").return_value
    mongo.__getitem__.return_value.__getitem__.return_value.count_documents.return_value = 3
    with Gauge(Settings()) as gauge:
        assert gauge.read() == Backlog(sent=110, lag=left, dirty=3)


def test_a_server_that_is_away_is_named_and_asked_again(mocker: MockerFixture) -> None:
    admin = mocker.Mock()
    admin.describe_topics.side_effect = KafkaTimeoutError("away")
    mocker.patch.object(backlog, "kafka_admin", side_effect=[admin, FakeAdmin({})])
    mongo = mocker.patch.object(backlog, "connect").return_value
    mongo.__getitem__.side_effect = ServerSelectionTimeoutError("no mongod")
    with Gauge(Settings(kafka_bootstrap_servers="127.0.0.1:1")) as gauge:
        with pytest.raises(TransientError, match="127.0.0.1:1"):
            gauge.read()
        admin.close.assert_called_once()
        with pytest.raises(TransientError, match="no mongod"):
            gauge.read()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose servers and processor are processes that do nothing."""
    made = Stack(Home(tmp_path / "home", tmp_path))
    made.home.create()
    made.state.ports = {part: 1 for part in (*SERVERS, "dashboard")}
    made.state.names = {"MONGO_DATABASE": "retail_db", "KAFKA_TOPIC": "t", "KAFKA_GROUP": "g"}
    for part in (*SERVERS, "processor"):
        run(made, part, "import time; time.sleep(60)")
    yield made
    for process in made.state.processes.values():
        stop(process, 0)


def run(stack: Stack, part: str, code: str) -> None:
    """Let ``part`` be a Python snippet."""
    stack.state.processes[part] = spawn([sys.executable, "-c", code], stack.home.log(part), {})
    stack.save()


def produced(stack: Stack, status: int | None) -> None:
    """Let the producer have ended; None stands for a kill."""
    run(stack, "producer", "print('bad file: no such column', flush=True)")
    while stack.alive("producer"):
        time.sleep(0.01)
    if status is not None:
        stack.home.exit_file("producer").write_text(f"{status}\n")


@pytest.fixture
def gauge(mocker: MockerFixture) -> Callable[..., None]:
    """Says what the gauge reads, one answer at a time; the last one stays."""

    def answer(*answers: Answer) -> None:
        left = list(answers)

        def read() -> Backlog:
            found = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(found, Exception):
                raise found
            return found

        for module in (waiting, foreground):
            fake = mocker.patch.object(module, "Gauge").return_value.__enter__.return_value
            fake.read.side_effect = read
        mocker.patch.object(foreground, "_INTERVAL", 0.01)

    return answer


def test_waiting_ends_when_the_producer_has_ended_and_nothing_is_left(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 0)
    gauge(Backlog(9, 3, 0), TransientError("electing"), Backlog(9, 0, 2), Backlog(9, 0, 0))
    shown: list[str] = []
    assert waiting.wait(stack, 10, shown.append) == Backlog(9, 0, 0)
    assert shown == [
        "9 records sent, 6 processed",
        "electing",
        "9 records sent, 9 processed, 2 summaries to rebuild",
    ]


def test_waiting_ends_with_the_days_that_cannot_be_summarised_once_all_else_is_done(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 0)
    problem = "1 day can't be summarised: 2011-12-09"
    left = [Backlog(9, 3, 0, problem), Backlog(9, 0, 2, problem), Backlog(9, 0, 0, problem)]
    gauge(*left)
    shown: list[str] = []
    with pytest.raises(PermanentError, match="9 processed; 1 day can't be summarised: 2011-12-09"):
        waiting.wait(stack, 60, shown.append)
    assert len(shown) == 2


def test_waiting_says_what_is_missing_when_the_time_is_over(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    run(stack, "producer", "import time; time.sleep(60)")
    gauge(Backlog(9, 0, 0))
    with pytest.raises(PermanentError, match="9 processed, the producer is still running"):
        waiting.wait(stack, 0, print)


@pytest.mark.parametrize(("status", "how"), [(2, "exit status 2"), (None, "was killed")])
def test_waiting_for_a_producer_that_failed_ends_at_once_with_its_last_words(
    stack: Stack, gauge: Callable[..., None], status: int | None, how: str
) -> None:
    produced(stack, status)
    gauge(Backlog(0, 0, 0))
    with pytest.raises(PermanentError, match=f"{how}(.|\n)*no such column"):
        waiting.wait(stack, 10, print)


@pytest.mark.parametrize("part", [*SERVERS, "processor"])
def test_waiting_for_a_part_that_is_down_ends_at_once(stack: Stack, part: str) -> None:
    stop(stack.process(part), 0)
    with pytest.raises(PermanentError, match=f"{part} is not running"):
        waiting.wait(stack, 10, print)


class Notes:
    """A follower and its messages."""

    def __init__(self, stack: Stack) -> None:
        self.printed: list[str] = []
        self.shown: list[str] = []
        self.follower = foreground.Follower(stack, self.printed.append, self.shown.append, True)


def test_following_ends_when_all_is_stored_if_so_asked(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 0)
    gauge(TransientError("kafka is away"), Backlog(9, 3, 0), Backlog(9, 0, 0))
    notes = Notes(stack)
    notes.follower.follow(until_stored=True)
    assert notes.printed == [
        "All is stored and summarised: 9 records (rows, dead letters, manifests and probes)."
    ]
    assert notes.shown[0] == "waiting for kafka is away"
    assert not notes.follower.failed


def test_following_tells_of_a_failed_producer_once(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 2)
    gauge(Backlog(9, 3, 0), Backlog(9, 2, 0), Backlog(9, 0, 0))
    notes = Notes(stack)
    notes.follower.follow(until_stored=True)
    assert len(notes.printed) == 1 and "exit status 2" in notes.printed[0]
    assert notes.follower.failed


def test_following_tells_once_of_days_that_cannot_be_summarised_and_ends_as_failed(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 0)
    problem = "1 day can't be summarised: 2011-12-09"
    gauge(Backlog(9, 3, 0), Backlog(9, 0, 0, problem))
    notes = Notes(stack)
    notes.follower.follow(until_stored=True)
    assert notes.printed == [f"9 records sent, 9 processed; {problem}"]
    assert notes.follower.failed


def test_following_tells_of_a_part_that_died_and_goes_on(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    produced(stack, 0)
    stop(stack.process("processor"), 0)
    gauge(Backlog(9, 3, 0), Backlog(9, 0, 0))
    notes = Notes(stack)
    notes.follower.follow(until_stored=True)
    assert [line.split(":")[0] for line in notes.printed] == [
        "processor has ended",
        "All is stored and summarised",
    ]


def test_following_ends_when_another_command_has_stopped_the_stack(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    gauge(Backlog(9, 3, 0))
    processes, stack.state.processes = stack.state.processes, {}
    stack.save()
    notes = Notes(stack)
    notes.follower.follow()
    stack.state.processes = processes
    assert notes.printed == [] and not notes.follower.failed


def test_following_says_nothing_of_what_another_command_stops_at_this_moment(
    stack: Stack, gauge: Callable[..., None], mocker: MockerFixture
) -> None:
    gauge(AssertionError("a stack that is being stopped is not measured"))
    other = Stack(stack.home)

    def stopped_by_then(_: float) -> None:
        other.shut_down()

    with stack.home.locked():
        stop(stack.process("kafka"), 0)
        mocker.patch.object(time, "sleep", stopped_by_then)
        notes = Notes(stack)
        notes.follower.follow()
    assert notes.printed == [] and not notes.follower.failed


def test_following_ends_when_nothing_runs_any_more_though_nobody_could_note_that(
    stack: Stack, gauge: Callable[..., None]
) -> None:
    gauge(Backlog(9, 3, 0))
    for process in stack.state.processes.values():
        stop(process, 0)
    notes = Notes(stack)
    notes.follower.follow()
    assert len(notes.printed) == 4 and notes.follower.failed


def test_status_tells_running_finished_failed_and_stopped_apart(
    stack: Stack, mocker: MockerFixture
) -> None:
    mocker.patch.object(status, "answers", return_value=True)
    produced(stack, 0)
    stop(stack.process("kafka"), 0)
    found = {part.name: part for part in status.parts(stack)}
    assert found["zookeeper"].state == "running" and found["zookeeper"].memory_mb > 0
    assert (found["kafka"].state, found["kafka"].ok) == ("ended unexpectedly", False)
    assert (found["producer"].state, found["producer"].ok) == ("finished", True)
    assert (found["dashboard"].state, found["dashboard"].ok) == ("stopped", True)
    produced(stack, 2)
    assert not {part.name: part for part in status.parts(stack)}["producer"].ok


def test_a_server_that_runs_but_does_not_answer_is_not_well(stack: Stack) -> None:
    found = {part.name: part for part in status.parts(stack)}
    assert (found["kafka"].state, found["kafka"].ok) == ("not answering", False)
    assert found["processor"].ok


def test_status_names_the_days_that_cannot_be_summarised(
    stack: Stack, mocker: MockerFixture
) -> None:
    mocker.patch.object(status, "answers", return_value=True)
    mocker.patch.object(status, "connect")
    left = mocker.patch.object(status, "summaries_left", return_value=(0, None))
    assert "summaries" not in {part.name for part in status.parts(stack)}
    left.return_value = (0, "1 day can't be summarised: 2011-12-09")
    summaries = status.parts(stack)[-1]
    assert (summaries.name, summaries.state, summaries.ok) == ("summaries", "incomplete", False)
    assert summaries.problem == "1 day can't be summarised: 2011-12-09"
    left.side_effect = ServerSelectionTimeoutError("no mongod")
    assert "summaries" not in {part.name for part in status.parts(stack)}


def test_exports_survive_a_shell() -> None:
    assert as_exports({"A": "x y'z", "B": "1"}) == """export A='x y'"'"'z'\nexport B=1"""


def test_data_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    given = [os.path.relpath(tmp_path / "a.csv"), str(tmp_path / "*.csv"), str(tmp_path)]
    assert services.absolute(given, print) == [str(tmp_path / "a.csv"), *given[1:]]
    with pytest.raises(UsageError, match="nowhere.csv: no such file or folder"):
        services.absolute([str(tmp_path / "nowhere.csv")], print)


def test_a_second_producer_has_to_wait_for_the_first(stack: Stack) -> None:
    run(stack, "producer", "import time; time.sleep(60)")
    with pytest.raises(UsageError, match="still sending"):
        services.start_producer(stack, ["more.csv"])


def test_a_dashboard_that_does_not_come_up_is_reported_with_its_log(
    stack: Stack, mocker: MockerFixture
) -> None:
    code = "import sys; sys.exit('no streamlit here')"
    mocker.patch.object(services, "_command", return_value=[sys.executable, "-c", code])
    services.start_dashboard(stack)
    with pytest.raises(PermanentError, match="no streamlit here"):
        services.await_dashboard(stack)


def test_a_failed_step_is_reported_with_its_log(stack: Stack, mocker: MockerFixture) -> None:
    code = "import sys; sys.exit('not authorised')"
    mocker.patch.object(services, "_command", return_value=[sys.executable, "-c", code])
    with pytest.raises(PermanentError, match="`retail setup` has failed(.|\n)*not authorised"):
        services.set_up(stack)


def test_the_sample_is_made_once(stack: Stack, mocker: MockerFixture) -> None:
    mocker.patch.object(services, "SAMPLE_ROWS", 20)
    path = Path(services.sample(stack))
    made = path.read_bytes()
    path.write_bytes(made + b"mine\n")
    assert services.sample(stack) == str(path)
    assert path.read_bytes() == made + b"mine\n"
    assert [file.name for file in path.parent.glob("sample*")] == ["sample.csv"]
