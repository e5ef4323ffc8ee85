"""Reads of one product's own lines: the prices paid for it, and what was bought along with it.

Each walks the product's lines by an index. There is none by invoice, which would cost every insert.
So an invoice's other lines are found by time: first at the times of the product's own lines, then,
for the few invoices with lines at other times, by hour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from retail_pipeline.adapters.mongo.adapter import MongoAdapter
from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.filters import matching, within
from retail_pipeline.domain import fields
from retail_pipeline.domain.collections import TRANSACTIONS
from retail_pipeline.domain.fees import FEES
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.periods import Unit
from retail_pipeline.domain.products import Basket, Prices
from retail_pipeline.domain.transaction import Kind

_SECONDS = 30.0
_OWN_LINES, _BY_DATE = "by_product", "by_date"
_NOTHING = Basket(0, None, True, ())
FindIncomplete = Callable[[Mapping[str, int]], Mapping[str, Sequence[datetime]]]


class MongoProducts(MongoAdapter):
    """Reads of one product's sale lines."""

    def prices(self, code: str, selection: Selection, unit: Unit) -> list[Prices]:
        """Return the prices that ``code`` sold at, oldest first; units without a sale are left out.

        The selection's own products play no part.
        """
        if Kind.SALE not in selection.kept_kinds:
            return []
        start = {"date": f"${fields.DATE}", "unit": unit, "startOfWeek": "monday"}
        pipeline = [
            {"$match": _sales(selection, code)},
            *(() if selection.duplicates else _ONCE),
            {
                "$group": {
                    "_id": {"$dateTrunc": start},
                    "lowest": {"$min": f"${fields.PRICE}"},
                    "highest": {"$max": f"${fields.PRICE}"},
                    "amount": {"$sum": f"${fields.AMOUNT}"},
                    "units": {"$sum": f"${fields.UNITS}"},
                    "lines": {"$sum": 1},
                }
            },
            {"$sort": {"_id": 1}},
        ]
        return [_prices(each) for each in self._aggregated(pipeline, _OWN_LINES)]

    def bought_with(
        self, code: str, selection: Selection, orders: int, find_incomplete: FindIncomplete
    ) -> Basket:
        """Return what was on the latest ``orders`` invoices with ``code``, the most frequent first.

        ``find_incomplete`` gets the number of lines found of each invoice, and returns the hours of
        the invoices that have more lines. Fee codes never count, and the selection's own products
        play no part.
        """
        if Kind.SALE not in selection.kept_kinds:
            return _NOTHING
        found = self._latest_with(code, selection, orders + 1)
        invoices = found[:orders]
        if not invoices:
            return _NOTHING
        moments = {moment for each in invoices for moment in each["moments"]}
        numbers = [each["_id"] for each in invoices]
        lines = self._on(numbers, {fields.DATE: {"$in": sorted(moments)}}, selection)
        more = find_incomplete({number: each["lines"] for number, each in lines.items()})
        if more:
            hours = sorted({hour for hours in more.values() for hour in hours})
            lines |= self._on(list(more), within(hours), selection)
        together = Counter(other for each in lines.values() for other in each["codes"])
        for other in (code, *FEES):
            del together[other]
        oldest: datetime = min(each["latest"] for each in invoices)
        return Basket(
            orders=len(invoices),
            since=oldest.date(),
            every=len(found) <= orders,
            others=tuple(sorted(together.items(), key=lambda each: (-each[1], each[0]))),
        )

    def _on(self, invoices: list[str], when: Document, selection: Selection) -> dict[str, Document]:
        """Return, for each of the invoices, how many sale lines of that time count, and of which
        products they are."""
        pipeline: list[Document] = [
            {"$match": {"$and": [when, {fields.INVOICE: {"$in": invoices}}, _sales(selection)]}},
            {
                "$group": {
                    "_id": f"${fields.INVOICE}",
                    "lines": {"$sum": 1},
                    "codes": {"$addToSet": f"${fields.PRODUCT}"},
                }
            },
        ]
        return {each["_id"]: each for each in self._aggregated(pipeline, _BY_DATE)}

    def _latest_with(self, code: str, selection: Selection, limit: int) -> list[Document]:
        return self._aggregated(
            [
                {"$match": _sales(selection, code)},
                {
                    "$group": {
                        "_id": f"${fields.INVOICE}",
                        "moments": {"$addToSet": f"${fields.DATE}"},
                        "latest": {"$max": f"${fields.DATE}"},
                    }
                },
                {"$sort": {"latest": -1, "_id": -1}},
                {"$limit": limit},
            ],
            _OWN_LINES,
        )

    def _aggregated(self, pipeline: list[Document], index: str) -> list[Document]:
        with self._within(_SECONDS):
            return list(self._database[TRANSACTIONS].aggregate(pipeline, hint=index))


# Of lines that agree in every field, the first alone.
_ONCE: list[Document] = [
    {
        "$group": {
            "_id": {name: f"${name}" for name in fields.LINE_IDENTITY},
            "line": {"$first": "$$ROOT"},
        }
    },
    {"$replaceRoot": {"newRoot": "$line"}},
]


def _sales(selection: Selection, *codes: str) -> Document:
    return matching(replace(selection, products=codes, kinds=(Kind.SALE,)))


def _prices(found: Document) -> Prices:
    return Prices(
        start=found["_id"],
        lowest=found["lowest"].to_decimal(),
        highest=found["highest"].to_decimal(),
        amount=found["amount"].to_decimal(),
        units=found["units"],
        lines=found["lines"],
    )
