"""Any bytes in a file: each line is in one row, each row ends in one state, and can be had back."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retail_pipeline.adapters.sources import lines as physical
from retail_pipeline.adapters.sources.columns import Layout
from retail_pipeline.adapters.sources.csv_rows import read_rows
from retail_pipeline.adapters.sources.lines import LineReader
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.errors import SourceError
from retail_pipeline.flows.produce import Production
from retail_pipeline.flows.source import RawRow
from retail_pipeline.flows.throttle import Throttle
from tests.fakes import FakeCheckpoints, FakePublisher
from tests.sources import source_of

HEADER = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
ROW = b"536365,85123A,HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom"
LARGEST_RECORD = 1024 * 1024
# Lines this long are cut in these tests, so that examples reach the limit.
LIMIT = 200

ends = st.sampled_from([b"\n", b"\r\n", b"\r\r\n", b"\r", b"\n\r", b"\n\n", b""])
damaged_rows = st.builds(
    lambda at, damage: ROW[:at] + damage + ROW[at:],
    st.integers(0, len(ROW)),
    st.sampled_from(
        [b'"', b'""', b"\x00", b",", b"\xe9", "é£".encode(), b"\r", b"\n", b"\x1c", b"\x85", b"e9"]
    )
    | st.binary(max_size=4),
)
quoted_rows = damaged_rows.map(
    lambda row: row.replace(b"HANGING", b'"HANGING').replace(b"T,", b'",')
)
blanks = st.sampled_from([b"", b"  ", b"\t", b"\x0b", b"\xa0", b"\x1c", b",,,,,,,", b'"', b"\x00"])
long_lines = st.integers(LIMIT - 3, LIMIT + 4).map(lambda length: b"x" * length)
lines = st.one_of(
    st.just(ROW), damaged_rows, quoted_rows, blanks, long_lines, st.binary(max_size=30)
)
bodies = st.lists(st.tuples(lines, ends).map(b"".join), max_size=8).map(b"".join)
encodings = st.sampled_from(["utf-8", "cp1252", "iso-8859-1", "utf-8-sig", "cp932", "gb18030"])
dialects = st.builds(
    lambda encoding, delimiter: (encoding, Layout(tuple(range(8)), 8, delimiter)),
    encodings,
    st.sampled_from([",", "\t", ";"]),
)


@pytest.fixture(autouse=True)
def short_lines() -> Iterator[None]:
    with patch.object(physical, "LONGEST_LINE", LIMIT):
        yield


Dialect = tuple[str, Layout]


def rows_of(body: bytes, dialect: Dialect) -> list[RawRow]:
    return list(read_rows(LineReader(io.BytesIO(body)), *dialect))


def bytes_of(row: RawRow, dialect: Dialect) -> bytes:
    return row.raw.encode(row.encoding or dialect[0])


def without_end(lines: list[bytes]) -> bytes:
    whole = b"".join(lines)
    return whole[:-2] if whole.endswith(b"\r\n") else whole.removesuffix(b"\n")


@given(bodies, dialects)
@example(b'a,"b\r\nc",d\r\r\n', ("utf-8", Layout((0, 1, 2), 3)))
@example(b"\t\t\t\n", ("utf-8", Layout((0, 1, 2, 3), 4, "\t")))
def test_each_line_is_in_one_row_whose_bytes_can_be_had_back(body: bytes, dialect: Dialect) -> None:
    physical = body.splitlines(keepends=True) if b"\r" not in body else _split(body)
    left = dict(enumerate(physical, start=1))
    for row in rows_of(body, dialect):
        raw = bytes_of(row, dialect)
        taken = [left.pop(row.number + more) for more in range(raw.count(b"\n") + 1)]
        if row.truncated:
            assert len(raw) == LIMIT and taken[0].startswith(raw)
        else:
            assert raw == without_end(taken)
    assert all(not line or line.isspace() for line in left.values()), left


def _split(body: bytes) -> list[bytes]:
    return list(io.BytesIO(body))


@given(bodies, dialects)
def test_the_bytes_of_a_row_read_alone_give_the_same_row(body: bytes, dialect: Dialect) -> None:
    for row in rows_of(body, dialect):
        if not row.truncated:
            [again] = rows_of(bytes_of(row, dialect), dialect)
            assert msgspec.structs.replace(again, number=row.number) == row


@given(bodies)
def test_every_row_of_a_file_ends_in_one_state_and_all_are_counted(
    tmp_path_factory: pytest.TempPathFactory, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(HEADER + b"\n" + body)
    source = source_of(path)
    rows = {row.number: row for row in source.rows()}
    publisher, stop = FakePublisher(), Event()
    Production(source, publisher, FakeCheckpoints(), Throttle(stop), stop).run()
    sent, rejected = publisher.of(Transaction), publisher.of(Rejection)
    assert sorted(item.row for item in [*sent, *rejected]) == sorted(rows)
    for item in rejected:
        raw = item.raw.encode(item.encoding)
        assert raw == rows[item.row].raw.encode(rows[item.row].encoding or source.facts.encoding)
    for item in [*sent, *rejected]:
        record = msgspec.json.encode(item)
        assert msgspec.json.decode(record, type=type(item)) == item
        assert len(record) < LARGEST_RECORD
    last = publisher.of(Manifest)[-1]
    assert (last.rows_read, last.rows_sent, last.rows_rejected, last.complete) == (
        len(rows),
        len(sent),
        len(rejected),
        True,
    )


headers = st.sampled_from(
    [HEADER, b"\xef\xbb\xbf" + HEADER, HEADER.replace(b",", b";"), b'"' + HEADER]
)


@given(
    st.binary(max_size=200)
    | st.builds(lambda *parts: b"".join(parts), st.binary(max_size=3), headers, ends, bodies)
)
def test_any_bytes_as_a_file_are_rows_or_one_named_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.csv"
    _read_whole(path, content)


@given(bodies, st.integers(0, 60), st.binary(max_size=3), st.integers(0, 80))
def test_any_damage_to_a_packed_file_is_rows_or_one_named_error(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, at: int, damage: bytes, cut: int
) -> None:
    packed = gzip.compress(HEADER + b"\n" + body, mtime=0)
    damaged = packed[:at] + damage + packed[at + len(damage) : len(packed) - cut]
    _read_whole(tmp_path_factory.getbasetemp() / "packed.csv.gz", b"\x1f\x8b" + damaged[2:])


def _read_whole(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        for row in source_of(path).rows():
            assert row.raw
    except SourceError as error:
        assert str(path) in str(error)


@pytest.mark.parametrize("blank", [b" " * 70_000 + b"\n", b"", b"\n" * 3])
def test_no_line_before_the_header_costs_a_row_its_place(tmp_path: Path, blank: bytes) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(blank + HEADER + b"\n" + ROW + b"\n" + ROW + b"\n")
    if len(blank) > 1 << 16:
        with pytest.raises(SourceError, match="its first line has more than 65,536 bytes"):
            source_of(path)
    else:
        assert len(list(source_of(path).rows())) == 2
