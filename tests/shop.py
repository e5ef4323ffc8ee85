"""A small shop with every oddity that reports must get right, and its figures by pandas."""

from __future__ import annotations

import csv
import io
import random
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
import pandas as pd

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.domain.figures import Customers, Figures, Selection
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.periods import floor
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.settings import Settings
from tests.conftest import RunningStack
from tests.sources import source_of

FIRST, LAST = date(2011, 1, 29), date(2011, 4, 3)
FEE_CODES = ("POST", "M", "BANK CHARGES")
LINE = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
COUNTRIES = ("United Kingdom", "France", "EIRE", "Saudi Arabia", None)
_WEIGHTS = (70, 12, 9, 1, 8)


def transaction(row: int, **fields: object) -> Transaction:
    """Return a plain sale of one shop; ``fields`` changes it."""
    values: dict[str, object] = {
        "source": "0123456789abcdef",
        "row": row,
        "InvoiceNo": "536365",
        "StockCode": "85123A",
        "Description": "HANGING HEART",
        "Quantity": 6,
        "InvoiceDate": datetime(2011, 2, 1, 9, 30, tzinfo=UTC),
        "UnitPrice": "2.55",
        "CustomerID": "17850",
        "Country": "United Kingdom",
        "ingested_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Transaction(**{**values, **fields})  # type: ignore[arg-type]  # by name


def shop(rows: int = 3_000, seed: int = 7) -> list[Transaction]:
    """Return transactions of about two months: guests, no country, cancellations, write-offs, fees,
    exact duplicates, a product that changes its name, invoices that run over midnight or into two
    countries, and cancellations that undo a sale at its price."""
    rng = random.Random(seed)
    made: list[Transaction] = []
    minutes = ((LAST - FIRST).days + 1) * 24 * 60
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    while len(made) < rows:
        number, kind = str(540_000 + rng.randrange(600)), rng.random()
        moment = start + timedelta(minutes=rng.randrange(minutes))
        customer = rng.choice((None, *(str(12_000 + each) for each in range(40))))
        country = rng.choices(COUNTRIES, _WEIGHTS)[0]
        for _ in range(rng.randint(1, 9)):
            code = f"{22_000 + rng.randrange(30)}"
            if rng.random() < 0.06:
                code = rng.choice(FEE_CODES)
            quantity = rng.randint(1, 48)
            # As the parser has it, without zeros at the end.
            price = f"{rng.randint(1, 99_999) / 1000:.3f}".rstrip("0").rstrip(".")
            made.append(
                transaction(
                    len(made) + 2,
                    InvoiceNo=f"C{number}" if kind < 0.12 else number,
                    StockCode=code,
                    Description=rng.choice((None, f"LAMP {code}", f"LAMP {code} NEW")),
                    Quantity=-quantity if kind < 0.16 else quantity,
                    UnitPrice="0" if kind > 0.97 else price,
                    InvoiceDate=min(moment, start + timedelta(minutes=minutes - 1)),
                    CustomerID=customer,
                    Country=country,
                )
            )
            if rng.random() < 0.04:
                made.append(msgspec.structs.replace(made[-1], row=len(made) + 2))
            moment += timedelta(seconds=rng.randrange(200))
    sold = made[: rows - rows // 30]
    return sold + [_cancelled(sold, len(sold) + 2 + more, rng) for more in range(rows // 30)]


def _cancelled(made: Sequence[Transaction], row: int, rng: random.Random) -> Transaction:
    """Return a cancellation of a part of some sale, or of all of it, within two weeks."""
    sale = rng.choice([each for each in made if each.Quantity > 0 and each.InvoiceNo[0] != "C"])
    late = timedelta(minutes=int(14 * 24 * 60 * rng.random() ** 3))
    return msgspec.structs.replace(
        sale,
        row=row,
        InvoiceNo=f"C{sale.InvoiceNo}",
        Quantity=-rng.randint(1, sale.Quantity),
        InvoiceDate=min(sale.InvoiceDate + late, datetime(2011, 4, 3, 23, 59, tzinfo=UTC)),
    )


def csv_text(transactions: Sequence[Transaction]) -> str:
    """Return the transactions as a file of the dataset's form."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(LINE)
    for each in transactions:
        fields = (getattr(each, name) for name in LINE)
        writer.writerow(
            f"{it:%Y-%m-%d %H:%M:%S}" if isinstance(it, datetime) else it for it in fields
        )
    return out.getvalue()


def parsed(transactions: Sequence[Transaction], folder: Path) -> list[Transaction]:
    """Return what the producer makes of a file of the transactions, under their own identities."""
    path = folder / "shop.csv"
    path.write_text(csv_text(transactions), "utf-8")
    source = source_of(path)
    facts = source.facts
    parser = RowParser(facts.source, facts.date_order)
    return [
        msgspec.structs.replace(
            parser.parse(line.number, line.fields),
            source=each.source,
            row=each.row,
            ingested_at=each.ingested_at,
        )
        for line, each in zip(source.rows(), transactions, strict=True)
    ]


def load(stack: RunningStack, settings: Settings, transactions: Sequence[Transaction]) -> None:
    """Store what a file of the transactions says, and summarise every day, as the pipeline does."""
    with TemporaryDirectory() as folder, connect(stack.root_uri, name="tests") as client:
        found = parsed(transactions, Path(folder))
        ensure_schema(client[settings.mongo_database])
        store = MongoStore(client, settings.mongo_database)
        assert store.insert(found) == []
        store.mark_dirty({floor(each.InvoiceDate, "day") for each in found})
        rollups = MongoRollups(client, settings.mongo_database)
        while rollups.pending():
            # A day is summarised once no row came in for a second.
            if not rollups.rebuild_next():
                time.sleep(0.05)


def frame(transactions: Sequence[Transaction]) -> pd.DataFrame:
    """Return a file of the transactions as a frame, beside the identities of its rows."""
    table = read_csv(io.StringIO(csv_text(transactions)))
    for name in ("source", "row", "ingested_at"):
        of_each = [getattr(each, name) for each in transactions]
        table[name] = pd.Series(of_each, dtype=object)
    return table


@cache
def table() -> pd.DataFrame:
    """Return the shop's file as a frame, the same one each time: nobody may change it."""
    return frame(shop())


def read_csv(file: io.StringIO | Path) -> pd.DataFrame:
    """Read a file by pandas alone, with amount, kind and day worked out independently."""
    text = pd.read_csv(file, dtype=str, keep_default_na=False)
    table = text.astype(object).where(text != "", None)
    prices = table["UnitPrice"].map(Decimal)
    table["Quantity"] = table["Quantity"].map(int).astype(object)
    table["InvoiceDate"] = pd.Series(
        [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in table["InvoiceDate"]],
        dtype=object,
    )
    table["amount"] = pd.Series(
        [quantity * price for quantity, price in zip(table["Quantity"], prices, strict=True)],
        dtype=object,
    )
    cancelled = table["InvoiceNo"].str.startswith("C")
    sold = ~cancelled & (table["Quantity"] > 0) & (prices > 0)
    table["kind"] = "adjustment"
    table.loc[sold, "kind"] = "sale"
    table.loc[cancelled, "kind"] = "cancellation"
    table["day"] = table["InvoiceDate"].map(lambda moment: moment.date())
    return table


def selected(table: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Return the rows that count."""
    kept = (table["day"] >= selection.first) & (table["day"] <= selection.last)
    for name, wanted in (
        ("Country", selection.countries),
        ("StockCode", selection.products),
        ("kind", selection.kinds),
    ):
        if wanted:
            kept &= table[name].map(lambda value, wanted=wanted: value in wanted).astype(bool)
    guests = table["CustomerID"].map(lambda customer: customer is None).astype(bool)
    if selection.customers is not Customers.EVERYONE:
        kept &= guests == (selection.customers is Customers.GUESTS)
    if not selection.guests:
        kept &= ~guests
    if not selection.cancellations:
        kept &= table["kind"] != "cancellation"
    if not selection.adjustments:
        kept &= (table["kind"] != "adjustment") & ~table["StockCode"].isin(FEE_CODES)
    if not selection.duplicates:
        kept &= ~table.duplicated(list(LINE))
    return table[kept]


class Row(NamedTuple):
    """What figures need of a row."""

    kind: str
    amount: Decimal
    InvoiceNo: str
    Quantity: int
    CustomerID: str | None


def figures(table: pd.DataFrame) -> Figures:
    """Return the figures of a frame's rows, counted and added one by one."""
    columns = (table[name] for name in Row._fields)
    rows = [Row(*row) for row in zip(*columns, strict=True)]
    sales = [row for row in rows if row.kind == "sale"]
    cancellations = [row for row in rows if row.kind == "cancellation"]
    adjustments = [row for row in rows if row.kind == "adjustment"]
    return Figures(
        net=sum((row.amount for row in rows), Decimal(0)),
        gross=sum((row.amount for row in sales), Decimal(0)),
        cancelled=sum((row.amount for row in cancellations), Decimal(0)),
        adjusted=sum((row.amount for row in adjustments), Decimal(0)),
        orders=len({row.InvoiceNo for row in sales}),
        cancellations=len({row.InvoiceNo for row in cancellations}),
        units=sum(row.Quantity for row in sales),
        customers=len({row.CustomerID for row in sales} - {None}),
        lines=len(table),
        guest_gross=sum((row.amount for row in sales if row.CustomerID is None), Decimal(0)),
    )
