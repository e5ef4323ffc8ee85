"""A made-up dataset of the shape of UCI Online Retail: same rows and seed, same bytes.

Memory does not grow with the number of rows: only the last few invoices are kept, for customers who
return something.
"""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from datetime import date
from itertools import chain, islice
from random import Random

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.money import format_pence
from retail_pipeline.sample.catalogue import (
    UK,
    Customer,
    Weighted,
    make_catalogue,
    opening_hours,
)
from retail_pipeline.sample.invalid_rows import break_line

SAMPLE_ROWS = 50_000
SAMPLE_SEED = 7
DEFAULT_DIRT = 0.001
DEFAULT_START = date(2010, 12, 1)
DEFAULT_DAYS = 374
_FIRST_INVOICE = 536_365
_REMEMBERED_INVOICES = 200
_RETURNABLE_LINES = 5
_BULK_UNITS = 24
# Twenty equally likely ranges for the number of lines of an invoice; 27 on average.
_LINES = (
    (1, 1), (1, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 16), (16, 18),
    (18, 20), (20, 23), (23, 26), (26, 29), (29, 33), (33, 38), (38, 45), (45, 55), (55, 80),
    (80, 200),
)  # fmt: skip
_WRITE_OFFS = (
    "", "", "", "", "check", "damaged", "Damaged", "damages", "?", "found", "lost",
    "thrown away", "wet/rusty", "adjustment", "sold as set on dotcom", '"Unsaleable, destroyed."',
)  # fmt: skip
_GUEST = Customer(f",{UK}", False)
# The entries besides sales, and the chance of each after an invoice.
_GUEST_SHARE = 0.14
_CANCELLATION = 0.21
_WRITE_OFF = 0.14
_MANUAL = 0.03
_FEE = 0.004
_DUPLICATE = 0.004

# code,description | units | price | CustomerID,Country
_Bought = tuple[str, int, str, str]


class _Shop:
    """Writes invoices, each a list of CSV lines, in the order of their numbers."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._catalogue = make_catalogue(rng)
        self._number = _FIRST_INVOICE
        self._recent: deque[list[_Bought]] = deque(maxlen=_REMEMBERED_INVOICES)

    def trade(self, moment: str) -> Iterator[str]:
        """Yield the lines of one sale at ``moment``, and of the entries after it."""
        yield from self._sale(moment)
        for chance, entry in (
            (_CANCELLATION, self._cancellation),
            (_WRITE_OFF, self._write_off),
            (_MANUAL, self._manual),
            (_FEE, self._fee),
        ):
            if self._rng.random() < chance:
                yield from entry(moment)

    def bad_debt(self, moment: str) -> list[str]:
        """Return a debt written off by mistake, and its correction."""
        return [
            self._line(self._invoice("A"), "B,Adjust bad debt", 1, moment, price, _GUEST.csv)
            for price in ("11062.06", "-11062.06")
        ]

    def _sale(self, moment: str) -> list[str]:
        random = self._rng.random
        guest = random() < _GUEST_SHARE
        customer = _GUEST if guest else self._catalogue.customers.draw(self._rng)
        shelf = self._catalogue.products
        festive = self._catalogue.festive if moment[5:7] in ("10", "11", "12") else shelf
        invoice = self._invoice()
        low, high = _LINES[int(random() * len(_LINES))]
        lines: list[str] = []
        bought: list[_Bought] = []
        for _ in range((low + int(random() * (high - low + 1))) * (2 if guest else 1)):
            of = festive if random() < 0.12 else shelf
            product = of.items[bisect(of.bounds, int(random() * of.total))]
            units = product.units.draw(self._rng)
            price = product.bulk_price if units >= _BULK_UNITS else product.price
            lines.append(f"{invoice},{product.csv},{units},{moment},{price},{customer.csv}\n")
            if random() < _DUPLICATE:
                lines.append(lines[-1])
            if len(bought) < _RETURNABLE_LINES:
                bought.append((product.csv, units, price, customer.csv))
        self._recent.append(bought)
        return lines + self._postage(invoice, moment, customer)

    def _postage(self, invoice: str, moment: str, customer: Customer) -> list[str]:
        random = self._rng.random
        if customer.abroad and random() < 0.55:
            units, price = 1 + int(random() * 4), "18.00" if random() < 0.6 else "28.00"
            return [self._line(invoice, "POST,POSTAGE", units, moment, price, customer.csv)]
        if customer is _GUEST and random() < 0.2:
            price = format_pence(2_000 + int(random() * 80_000))
            return [self._line(invoice, "DOT,DOTCOM POSTAGE", 1, moment, price, customer.csv)]
        return []

    def _cancellation(self, moment: str) -> list[str]:
        remembered = self._recent[int(self._rng.random() * len(self._recent))]
        undone = 1 + int(self._rng.random() * len(remembered))
        invoice = self._invoice("C")
        lines = [
            self._line(invoice, product, -units, moment, price, customer)
            for product, units, price, customer in islice(remembered, undone)
        ]
        del remembered[:undone]  # nothing comes back twice
        if not remembered:
            self._recent.remove(remembered)
        return lines

    def _write_off(self, moment: str) -> list[str]:
        product = self._catalogue.products.draw(self._rng)
        units = 1 + int(self._rng.random() * 240)
        if self._rng.random() < 0.6:
            units = -units
        odd = _WRITE_OFFS[int(self._rng.random() * len(_WRITE_OFFS))]
        code, _, _ = product.csv.partition(",")
        return [self._line(self._invoice(), f"{code},{odd}", units, moment, "0.00", _GUEST.csv)]

    def _manual(self, moment: str) -> list[str]:
        price = format_pence(100 + int(self._rng.random() * 20_000))
        back = self._rng.random() < 0.4
        customer = self._catalogue.customers.draw(self._rng).csv
        invoice = self._invoice("C" if back else "")
        return [self._line(invoice, "M,Manual", -1 if back else 1, moment, price, customer)]

    def _fee(self, moment: str) -> list[str]:
        amazon = self._rng.random() < 0.45
        item = "AMAZONFEE,AMAZON FEE" if amazon else "BANK CHARGES,Bank Charges"
        price = format_pence(1_500 + int(self._rng.random() * (700_000 if amazon else 20_000)))
        return [self._line(self._invoice("C"), item, -1, moment, price, _GUEST.csv)]

    def _invoice(self, prefix: str = "") -> str:
        self._number += 1
        return f"{prefix}{self._number - 1}"

    @staticmethod
    def _line(invoice: str, item: str, units: int, moment: str, price: str, customer: str) -> str:
        return f"{invoice},{item},{units},{moment},{price},{customer}\n"


def sample_lines(
    rows: int,
    seed: int,
    dirty: float = DEFAULT_DIRT,
    *,
    start: date = DEFAULT_START,
    days: int = DEFAULT_DAYS,
) -> Iterator[str]:
    """Return a header and exactly ``rows`` CSV lines, each one physical line ending in ``\\n``.

    Args:
        rows: data lines, broken ones included; they spread over the whole period.
        seed: the same rows, seed, share and period give the same bytes everywhere.
        dirty: share of lines, 0 to 1, that the record contract refuses.
        start: first day on which the shop may be open.
        days: length of the period.

    Raises:
        UsageError: the shop is closed throughout the period; see ``opening_hours``.
    """
    rng = Random(seed)
    hours = opening_hours(rng, start, days)
    lines = _soil(_invoice_lines(rng, hours, rows), Random(seed + 1), dirty)
    return chain([",".join(DATASET_FIELDS) + "\n"], islice(lines, rows))


def _invoice_lines(rng: Random, hours: Weighted[str], rows: int) -> Iterator[str]:
    shop = _Shop(rng)
    made = 0
    debt_due = True
    while made < rows:
        moment = _moment(hours, made, rows)
        for line in shop.trade(moment):
            made += 1
            yield line
        if debt_due and made * 3 > rows * 2:
            debt_due = False
            made += 2
            yield from shop.bad_debt(moment)


def _moment(hours: Weighted[str], made: int, rows: int) -> str:
    """Return when line ``made`` of ``rows`` is sold, by its share of the file."""
    sold = made * hours.total // rows
    place = bisect(hours.bounds, sold)
    before = hours.bounds[place - 1] if place else 0
    minute = (sold - before) * 60 // (hours.bounds[place] - before)
    return f"{hours.items[place]}:{minute:02d}:00"


def _soil(lines: Iterator[str], rng: Random, dirty: float) -> Iterator[str]:
    broken = 0
    chance: Callable[[], float] = rng.random
    for line in lines:
        if dirty and chance() < dirty:
            line = break_line(line, broken)
            broken += 1
        yield line
