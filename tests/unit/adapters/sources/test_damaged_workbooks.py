"""A damaged workbook is refused by its name, whatever the damage is, and never half believed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.adapters.sources.registry import inspect
from retail_pipeline.errors import SourceError
from tests.unit.adapters.sources.test_xlsx import CANCELLATION, SALE, UCI, workbook

SHEET = "xl/worksheets/sheet1.xml"
STYLES = "xl/styles.xml"
# More than the inspection looks at row by row.
ROWS = 2_500


@cache
def small() -> bytes:
    with TemporaryDirectory() as folder:
        return workbook(Path(folder), {"S": [UCI, SALE, CANCELLATION, SALE]}).read_bytes()


@cache
def long() -> bytes:
    with TemporaryDirectory() as folder:
        return workbook(Path(folder), {"S": [UCI, *[SALE] * ROWS]}).read_bytes()


def parts(workbook: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_part(workbook: bytes, name: str, text: bytes) -> bytes:
    """Return the workbook with another text of one part, as a sound archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, content in (parts(workbook) | {name: text}).items():
            archive.writestr(each, content)
    return written.getvalue()


def rows_of(folder: Path, workbook: bytes) -> list[str]:
    path = folder / "retail.xlsx"
    path.write_bytes(workbook)
    return [row.raw for source in inspect(path) for row in source.rows()]


def late(change: Callable[[bytes], bytes]) -> bytes:
    """Return the long workbook with its sheet's last fifth changed."""
    sheet = parts(long())[SHEET]
    at = len(sheet) * 4 // 5
    return with_part(long(), SHEET, sheet[:at] + change(sheet[at:]))


def flipped(workbook: bytes, name: str) -> bytes:
    """Return the workbook with one bit of a packed part otherwise."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        part = archive.getinfo(name)
    at = part.header_offset + 30 + len(name) + part.compress_size * 4 // 5
    return workbook[:at] + bytes([workbook[at] ^ 1]) + workbook[at + 1 :]


BEFORE_ANYTHING_IS_SENT = {
    "cut short": lambda: long()[: len(long()) // 2],
    "a bit in the packed sheet": lambda: flipped(long(), SHEET),
    "a bit in the packed styles": lambda: flipped(long(), STYLES),
    "a sheet that ends early": lambda: late(lambda rest: b""),
    "a broken mark": lambda: late(lambda rest: rest.replace(b"<row", b"<<row", 1)),
    "a byte that is no text": lambda: late(lambda rest: b"\xff" + rest),
    "no styles": lambda: with_part(long(), STYLES, b""),
    "no sheet": lambda: with_part(long(), SHEET, b""),
}
WHILE_IT_IS_READ = {
    "a number that is none": lambda: late(lambda rest: rest.replace(b"<v>6</v>", b"<v>six</v>", 1)),
    "a text that is not there": lambda: late(lambda rest: rest.replace(b't="n"', b't="s"', 1)),
    "a cell without a place": lambda: late(lambda rest: rest.replace(b'r="H', b'r="?')),
    "a row beyond all rows": lambda: late(lambda rest: rest.replace(b'row r="2', b'row r="29999')),
}


@pytest.mark.parametrize("damage", BEFORE_ANYTHING_IS_SENT)
def test_damage_far_behind_is_found_before_any_row_is_given(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "retail.xlsx"
    path.write_bytes(BEFORE_ANYTHING_IS_SENT[damage]())
    with pytest.raises(SourceError, match="retail.xlsx: .*damaged.*: fetch it again"):
        inspect(path)


@pytest.mark.parametrize("damage", WHILE_IT_IS_READ)
def test_cells_that_make_no_sense_are_refused_by_name(tmp_path: Path, damage: str) -> None:
    workbook = WHILE_IT_IS_READ[damage]()
    with pytest.raises(SourceError, match="retail.xlsx: .*damaged.*: fetch it again"):
        rows_of(tmp_path, workbook)


def test_rows_behind_the_size_that_a_sheet_claims_are_rows(tmp_path: Path) -> None:
    sheet = parts(small())[SHEET]
    wrong = with_part(small(), SHEET, sheet.replace(b'"A1:H4"', b'"A1:H2"'))
    assert rows_of(tmp_path, wrong) == rows_of(tmp_path, small())


@given(st.data())
def test_bytes_of_a_workbook_that_are_otherwise_change_no_row_unnoticed(
    data: st.DataObject,
) -> None:
    workbook = bytearray(small())
    for _ in range(data.draw(st.integers(1, 3))):
        workbook[data.draw(st.integers(0, len(workbook) - 1))] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        sound = rows_of(Path(folder), small())
        try:
            assert rows_of(Path(folder), bytes(workbook)) == sound
        except SourceError as error:
            assert "retail.xlsx" in str(error)


@given(st.sampled_from(sorted(parts(small()))), st.binary(max_size=4), st.data())
def test_any_damage_within_a_part_gives_rows_or_a_refusal(
    name: str, text: bytes, data: st.DataObject
) -> None:
    part = parts(small())[name]
    start = data.draw(st.integers(0, len(part)))
    end = data.draw(st.integers(start, min(len(part), start + 12)))
    workbook = with_part(small(), name, part[:start] + text + part[end:])
    with TemporaryDirectory() as folder:
        try:
            rows_of(Path(folder), workbook)
        except SourceError as error:
            assert "retail.xlsx" in str(error)
