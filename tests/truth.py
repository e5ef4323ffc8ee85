"""What must be in MongoDB after a file, worked out from the file alone, and what is there."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from bson import Decimal128
from pymongo.database import Database

from tests.returns_truth import matched

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
NAMES = HEADER.split(",")
# What an entry of each rollup is about, after its day.
ORDER = ("InvoiceNo", "hour", "CustomerID", "Country", "fee", "kind")
PRODUCT = ("StockCode", "Country", "guest", "kind")
DUPLICATE = ("InvoiceNo", "StockCode", "hour", "CustomerID", "Country", "kind")
# One row of each sort that is stored, and of several that are not. Where both fall on one day, the
# first one is there twice; what is cancelled was bought on the same day and on others.
GOOD = (
    "{n},85123A,HANGING HEART,6,2010-12-0{day} 08:26:00,2.55,17850,United Kingdom",
    "C{n},D,Discount,-1,2010-12-0{day} 23:59:00,27.50,14527,United Kingdom",
    '{n},22752,"BOX, RED",3,2010-12-0{day} 00:00:00,0.001,,EIRE',
    "{n},85123A,,-9,2010-12-0{day} 09:00:00,0,,",
    "{n},85123A,HANGING HEART,6,2010-12-0{day} 08:26:00,2.55,17850,United Kingdom",
    "C{n},85123A,HANGING HEART,-5,2010-12-0{day} 10:26:00,2.55,17850,United Kingdom",
)
BROKEN = (
    "{n},85123A,HANGING HEART,six,2010-12-0{day} 08:26:00,2.55,17850,United Kingdom",
    "{n},85123A,HANGING HEART,6,2011-02-30 08:26:00,2.55,17850,United Kingdom",
    '{n},85123A,"HANGING HEART,6,2010-12-0{day} 08:26:00,2.55,17850,United Kingdom',
)


@dataclass
class Truth:
    """The documents that files must end in, by identity, and the raw texts of the broken rows."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    quarantined: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path, number: int, rounds: int = 1, days: Sequence[int] = (1,)) -> Path:
        """Write a file of good and broken rows in turn, and take what it must end in into account.

        No two files of different ``number`` have a row in common.
        """
        lines: list[tuple[str, bool]] = []
        for turn in range(rounds):
            for at, line in enumerate((*GOOD, *BROKEN)):
                day = days[(turn + at) % len(days)]
                invoice = 500_000 + number * 1_000 + turn
                lines.append((line.format(n=invoice, day=day), line in GOOD))
            # Broken rows stand between good ones.
            lines[-5], lines[-2] = lines[-2], lines[-5]
        content = "\n".join([HEADER, *(line for line, _ in lines)]) + "\n"
        path.write_text(content)
        self._take(hashlib.sha256(content.encode()).hexdigest()[:16], lines)
        return path

    def poison(self, place: str, raw: str) -> None:
        """Take into account that an alien record was put at ``place`` in Kafka."""
        self.quarantined[place] = raw

    def _take(self, source: str, lines: list[tuple[str, bool]]) -> None:
        for row, (line, good) in enumerate(lines, start=2):
            identity = f"{source}:{row:09d}"
            if not good:
                self.quarantined[identity] = line
                continue
            fields = dict(zip(NAMES, next(csv.reader([line])), strict=True))
            quantity, price = int(fields["Quantity"]), Decimal(fields["UnitPrice"])
            kind = "sale" if quantity > 0 and price > 0 else "adjustment"
            self.documents[identity] = {
                **{name: text or None for name, text in fields.items()},
                "Quantity": quantity,
                "InvoiceDate": datetime.fromisoformat(fields["InvoiceDate"]).replace(tzinfo=UTC),
                "UnitPrice": price,
                "TotalAmount": quantity * price,
                "kind": "cancellation" if fields["InvoiceNo"].startswith("C") else kind,
            }

    def rollups(self) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
        """Return the entries of the three rollups: key -> lines, units, amount."""
        orders: dict[Any, Any] = defaultdict(lambda: (0, 0, Decimal(0)))
        products: dict[Any, Any] = defaultdict(lambda: (0, 0, Decimal(0)))
        again: dict[Any, Any] = defaultdict(lambda: (0, 0, Decimal(0)))
        seen = set()
        for item in self.documents.values():
            day = item["InvoiceDate"].replace(hour=0, minute=0)
            customer, country, kind = item["CustomerID"], item["Country"], item["kind"]
            hour, code = item["InvoiceDate"].hour, item["StockCode"]
            order = (day, item["InvoiceNo"], hour, customer, country, code == "D", kind)
            _count(orders, order, item)
            _count(products, (day, code, country, customer is None, kind), item)
            line = tuple(item[name] for name in NAMES)
            if line in seen:
                _count(again, (day, item["InvoiceNo"], code, hour, customer, country, kind), item)
            seen.add(line)
        return dict(orders), dict(products), dict(again)

    def returns(self) -> dict[str, set[tuple[str, str, int]]]:
        """Return the sales (or the reason), with units, that each cancellation of goods undoes."""
        ids = list(self.documents)
        table = pd.DataFrame([{**self.documents[each], "row": each} for each in ids])
        found: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
        if ids:
            for part in matched(table.assign(amount=table["TotalAmount"])).to_dict("records"):
                sale = ids[part["sale"]] if part["sale"] >= 0 else ""
                found[ids[part["line"]]].add((sale, part["reason"], part["units"]))
        return dict(found)

    def check(self, database: Database[dict[str, Any]]) -> None:
        """Demand that MongoDB holds this, field by field, and nothing else."""
        fields = [*NAMES, "TotalAmount", "kind"]
        found = {
            item["_id"]: {name: _plain(item[name]) for name in fields}
            for item in database.transactions.find()
        }
        assert found == self.documents
        assert {item["_id"]: item["raw"] for item in database.quarantine.find()} == self.quarantined
        assert database.dirty_buckets.count_documents({}) == 0
        orders, products, again = self.rollups()
        for rollup, names, entries in (
            ("rollup_orders_daily", ORDER, orders),
            ("rollup_products_daily", PRODUCT, products),
            ("rollup_duplicates_daily", DUPLICATE, again),
        ):
            assert _entries(database[rollup], names) == entries
        undone = {item["_id"]: set(map(_part, item["parts"])) for item in database.returns.find()}
        assert undone == self.returns()


def _count(entries: dict[Any, Any], key: Any, item: dict[str, Any]) -> None:
    lines, units, amount = entries[key]
    entries[key] = (lines + 1, units + item["Quantity"], amount + item["TotalAmount"])


def _part(part: dict[str, Any]) -> tuple[str, str, int]:
    return part.get("sale", {}).get("_id", ""), part.get("reason", ""), part["units"]


def _entries(rollup: Any, names: Sequence[str]) -> dict[Any, Any]:
    found = [(item["_id"], entry) for item in rollup.find() for entry in item["entries"]]
    by_key = {
        (day, *(entry.get(name) for name in names)): (
            entry["lines"],
            entry["units"],
            _plain(entry["amount"]),
        )
        for day, entry in found
    }
    assert len(by_key) == len(found), "an entry is there twice"
    return by_key


def _plain(value: Any) -> Any:
    return value.to_decimal() if isinstance(value, Decimal128) else value
