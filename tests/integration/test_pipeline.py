"""From a file to numbers on real servers, with real processes and real signals."""

from __future__ import annotations

import csv
import signal
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from retail_pipeline.sample.writer import write_sample
from tests.pipeline import HEADER, LONGEST_S, ROW, Pipeline


@pytest.fixture(scope="module")
def clean_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    write_sample(path, 20_000, 3, dirty=0.0)
    return path


def expected(path: Path) -> dict[str, tuple[int, Decimal]]:
    """Return rows and pounds by kind, counted from the file in another way."""
    rows: Counter[str] = Counter()
    pounds: dict[str, Decimal] = {}
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            quantity, price = int(row["Quantity"]), Decimal(row["UnitPrice"])
            kind = "sale" if quantity > 0 and price > 0 else "adjustment"
            kind = "cancellation" if row["InvoiceNo"].startswith("C") else kind
            rows[kind] += 1
            pounds[kind] = pounds.get(kind, Decimal(0)) + quantity * price
    return {kind: (rows[kind], pounds[kind]) for kind in rows}


def test_a_file_becomes_exact_numbers_and_again_adds_nothing(
    pipeline: Pipeline, clean_sample: Path
) -> None:
    assert "20,000 sent, 0 to quarantine" in pipeline.run("produce", str(clean_sample))
    pipeline.drain()
    assert pipeline.totals() == expected(clean_sample)
    with pipeline.database() as database:
        [manifest] = database.manifests.find()
    assert (manifest["rows_read"], manifest["rows_sent"], manifest["complete"]) == (
        20_000,
        20_000,
        True,
    )

    assert "were sent already" in pipeline.run("produce", str(clean_sample))
    copy = pipeline.folder / "another name.csv"
    copy.write_bytes(clean_sample.read_bytes())
    assert "were sent already" in pipeline.run("produce", str(copy))
    assert "20,000 sent" in pipeline.run("produce", "--again", str(clean_sample))
    pipeline.drain()
    assert pipeline.totals() == expected(clean_sample)
    assert pipeline.quarantined() == []


def test_broken_rows_are_quarantined_with_their_reasons_and_every_other_row_is_stored(
    pipeline: Pipeline,
) -> None:
    broken = {
        3: (ROW.replace(",6,", ",six,"), "not_a_number"),
        5: (ROW.replace("2010-12-01", "2011-02-30"), "impossible_date"),
        7: (ROW.replace("HANGING", '"HANGING'), "unclosed_quote"),
        9: (ROW.replace(",2.55", ""), "wrong_field_count"),
        11: (ROW.replace("85123A", ""), "empty_field"),
        13: (ROW.replace("2.55", "NaN"), "not_finite"),
        15: (ROW.replace(",6,", ",99999999999,"), "out_of_range"),
        17: (ROW.replace("HEART", "HE\x00ART"), "control_byte"),
    }
    lines = [HEADER] + [broken[line][0] if line in broken else ROW for line in range(2, 41)]
    path = pipeline.folder / "dirty.csv"
    path.write_text("".join(lines))
    assert "31 sent, 8 to quarantine" in pipeline.run("produce", str(path))
    pipeline.drain()
    assert pipeline.totals() == {"sale": (31, Decimal("474.30"))}
    found = {row["row"]: (row["raw"] + "\n", row["reason"]) for row in pipeline.quarantined()}
    assert found == broken
    assert {row["name"] for row in pipeline.quarantined()} == {"dirty.csv"}


def test_a_batch_boundary_at_every_row_changes_nothing(pipeline: Pipeline) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 7)
    pipeline.run("produce", str(path))
    pipeline.env["PROCESSOR_BATCH_ROWS"] = "1"
    pipeline.drain()
    assert pipeline.totals() == {"sale": (7, Decimal("107.10"))}


def test_a_killed_producer_resumes_and_nothing_is_lost_or_doubled(
    pipeline: Pipeline, clean_sample: Path
) -> None:
    processor = pipeline.start("process")
    producer = pipeline.start("produce", "--rate", "4000", str(clean_sample))
    pipeline.wait_for(6_000)
    producer.kill()
    producer.wait()
    output = pipeline.run("produce", str(clean_sample))
    read = int(output.rpartition(" rows read")[0].rpartition(" ")[2].replace(",", ""))
    assert 0 < read < 18_000, "it did not resume from its checkpoint"
    pipeline.wait_for(20_000)
    processor.send_signal(signal.SIGTERM)
    assert processor.wait(20) == 0
    pipeline.drain()
    assert pipeline.totals() == expected(clean_sample)


def test_a_killed_processor_is_followed_by_another_and_nothing_is_lost_or_doubled(
    pipeline: Pipeline, clean_sample: Path
) -> None:
    first = pipeline.start("process")
    producer = pipeline.start("produce", "--rate", "4000", str(clean_sample))
    pipeline.wait_for(5_000)
    first.kill()
    first.wait()
    second, third = pipeline.start("process"), pipeline.start("process")
    assert producer.wait(LONGEST_S) == 0
    pipeline.wait_for(20_000)
    for processor in (second, third):
        processor.send_signal(signal.SIGTERM)
    assert [processor.wait(20) for processor in (second, third)] == [0, 0]
    pipeline.drain()
    assert pipeline.totals() == expected(clean_sample)


@pytest.mark.parametrize("server", ["mongodb", "kafka"])
def test_a_killed_server_comes_back_and_nothing_is_lost_or_doubled(
    pipeline: Pipeline, clean_sample: Path, server: str
) -> None:
    pipeline.start("process")
    producer = pipeline.start("produce", "--rate", "4000", str(clean_sample))
    pipeline.wait_for(5_000)
    pipeline.stack.kill(server)
    time.sleep(1)
    pipeline.stack.restart()
    assert producer.wait(LONGEST_S) == 0
    pipeline.wait_for(20_000)
    pipeline.started[0].send_signal(signal.SIGTERM)
    assert pipeline.started[0].wait(20) == 0
    pipeline.drain()
    assert pipeline.totals() == expected(clean_sample)


def test_a_watched_folder_is_streamed_as_files_appear(pipeline: Pipeline) -> None:
    folder = pipeline.folder / "watched"
    folder.mkdir()
    pipeline.start("process")
    producer = pipeline.start("produce", "--watch", str(folder))
    (folder / "broken.csv").write_text("a,b\n1,2\n")
    (folder / "first.csv").write_text(HEADER + ROW * 2)
    pipeline.wait_for(2)
    (folder / "second.csv").write_text(HEADER + ROW * 3)
    pipeline.wait_for(5)
    producer.send_signal(signal.SIGTERM)
    assert producer.wait(20) == 0
    log = next(pipeline.folder.glob("produce-*.log")).read_text()
    assert "broken.csv: no column InvoiceNo" in log
    assert (pipeline.settings.state_dir / "producer.heartbeat").exists()
    assert pipeline.settings.heartbeat_file.exists()


def test_each_pass_of_a_loop_is_a_source_of_its_own(pipeline: Pipeline) -> None:
    path = pipeline.folder / "small.csv"
    path.write_text(HEADER + ROW * 2)
    pipeline.start("process")
    producer = pipeline.start("produce", "--loop", "--rate", "20", str(path))
    pipeline.wait_for(6)
    producer.send_signal(signal.SIGTERM)
    assert producer.wait(20) == 0
    with pipeline.database() as database:
        sources = sorted(database.transactions.distinct("source"), key=len)
    assert sources[1].startswith(f"{sources[0]}-")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.csv"], "absent.csv: no such file"),
        (["good.csv", "bad.csv"], "bad.csv: no column InvoiceNo"),
        ([], "nothing to stream"),
        (["good.csv", "--encoding", "klingon"], "there is no such encoding"),
        (["good.csv", "--encoding", "utf-16"], "delimited text can't be read in it"),
        (["good.csv", "--rate", "0"], "0.001"),
        (["--loop", "--watch", "."], "can't be used together"),
        (["--watch", "absent"], "absent: it can't be listed"),
    ],
)
def test_a_users_mistake_ends_with_one_line_and_nothing_sent(
    pipeline: Pipeline, arguments: list[str], words: str
) -> None:
    (pipeline.folder / "good.csv").write_text(HEADER + ROW)
    (pipeline.folder / "bad.csv").write_text("a,b\n1,2\n")
    status, output = pipeline.try_to("produce", *arguments)
    assert status == 2
    assert words in " ".join(output.split())
    assert "Traceback" not in output
    pipeline.drain()
    assert pipeline.count() == 0


def test_a_wrong_password_ends_the_processor_with_one_line(pipeline: Pipeline) -> None:
    uri = pipeline.env["MONGO_WRITER_URI"]
    user, _, rest = uri.partition("@")
    pipeline.env["MONGO_WRITER_URI"] = f"{user}x@{rest}"
    (pipeline.folder / "good.csv").write_text(HEADER + ROW)
    pipeline.run("produce", "good.csv")
    status, output = pipeline.try_to("process", "--until-idle", "1")
    assert status == 1
    assert "user name or password is wrong" in output and "Traceback" not in output


def test_a_missing_topic_is_named_with_what_to_do(pipeline: Pipeline) -> None:
    (pipeline.folder / "good.csv").write_text(HEADER + ROW)
    pipeline.env["KAFKA_TOPIC"] = "no_such_topic"
    status, output = pipeline.try_to("produce", "good.csv")
    assert status == 1
    assert "has no topic no_such_topic: run `retail setup` first" in output


def test_a_broker_that_stays_away_is_named_and_given_up(pipeline: Pipeline) -> None:
    (pipeline.folder / "good.csv").write_text(HEADER + ROW)
    pipeline.env["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:1"
    status, output = pipeline.try_to("produce", "good.csv", "--give-up-after", "1")
    assert status == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in output and "Traceback" not in output
