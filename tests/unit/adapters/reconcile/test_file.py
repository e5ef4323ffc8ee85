"""The reconciliation parses a file as the producer does, though they share no code."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from retail_pipeline.adapters.reconcile.file import SourceFile
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import RowError
from retail_pipeline.reconcile.records import Line, as_line
from retail_pipeline.reconcile.rowset import RowSet
from retail_pipeline.sample.writer import write_sample
from tests.sources import source_of

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def both_ways(path: Path, order: DateOrder | None = None) -> tuple[list[Line], list[Line]]:
    """Return the good rows as pandas and as the producer's parser read them."""
    source = source_of(path, order=order)
    facts = source.facts
    parser = RowParser(facts.source, facts.date_order)
    rejected, parsed = RowSet(), []
    for row in source.rows():
        try:
            if row.problem:
                raise RowError(*row.problem)
            parsed.append(as_line(parser.parse(row.number, row.fields)))
        except RowError:
            rejected.add(row.number)
    file = SourceFile(source)
    pieces = list(file.lines(rejected))
    assert sorted(row for _, broken in pieces for row, _ in broken) == list(rejected)
    return [line for lines, _ in pieces for line in lines], parsed


def test_a_dirty_sample_is_parsed_alike(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    write_sample(path, 3_000, 5, dirty=0.05)
    found, parsed = both_ways(path)
    assert found == parsed
    assert len(found) > 2_000


@pytest.mark.parametrize(
    "date",
    [
        "2010-12-01 08:26:00",
        "2010-12-01T08:26:00Z",
        "2010-12-01",
        "2010-12-01 08:26:00.5",
        "12/1/2010 8:26",
        "1/12/2010 8:26",
        "01.12.2010",
        "12/1/10 8:26 AM",
        "12-1-10 12:01 pm",
        " 31/12/2010 23:59 ",
    ],
)
@pytest.mark.parametrize("order", DateOrder)
def test_every_accepted_form_of_a_date_is_the_same_moment(
    tmp_path: Path, date: str, order: DateOrder
) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(HEADER + f"536365,1,A,6,{date},2.55,1,UK\n")
    found, parsed = both_ways(path, order)
    assert found == parsed


@pytest.mark.parametrize("quantity", ["6", "6.0", "-1", "1e3", " 7 ", "+2", "0", ".5e1"])
@pytest.mark.parametrize("price", ["2.55", "2.550", ".5", "1e3", "-11062.06", "0", "-0.0"])
def test_every_accepted_form_of_a_number_is_the_same_money(
    tmp_path: Path, quantity: str, price: str
) -> None:
    path = tmp_path / "numbers.csv"
    rows = [f"{number},1, ,{quantity},2010-12-01,{price},17850.0," for number in ("5", "C5", " 6 ")]
    path.write_text(HEADER + "\n".join(rows) + "\n")
    found, parsed = both_ways(path)
    assert found == parsed
    assert {line.CustomerID for line in found} == {"17850"}
    assert {line.Country for line in found} == {line.Description for line in found} == {None}
    assert found[0].TotalAmount == int(Decimal(quantity.strip())) * Decimal(price) * 1_000_000


def test_what_cannot_be_parsed_is_broken_with_its_text(tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    good = "536365,1,A,6,2010-12-01,2.55,1,UK"
    broken = [
        "5,1,A,six,2010-12-01,2,1,UK",
        "5,1,A,6,never,2,1,UK",
        "5,1,A,6,2010-12-01,x,1,UK",
        "5",
    ]
    path.write_text(HEADER + "\n".join([good, *broken]) + "\n")
    [(lines, left)] = SourceFile(source_of(path)).lines(RowSet())
    assert [line.row for line in lines] == [2]
    assert sorted(left) == list(enumerate(broken, start=3))
