"""The invented shop of ``retail sample``: its products, customers and opening hours.

All of it comes from integers, ``random()`` and division, which give the same result on every
platform and Python; ``gauss`` or ``**`` would not, since they use the system's mathematics library.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

from retail_pipeline.domain.money import format_pence
from retail_pipeline.errors import UsageError

T = TypeVar("T")

PRODUCTS = 3_000
CUSTOMERS = 4_300
UK = "United Kingdom"
# Share of customers by country, per mille.
_COUNTRIES = (
    (UK, 890), ("Germany", 24), ("France", 21), ("EIRE", 15), ("Spain", 8), ("Netherlands", 6),
    ("Belgium", 6), ("Switzerland", 5), ("Portugal", 5), ("Australia", 4), ("Norway", 3),
    ("Italy", 3), ("Channel Islands", 2), ("Finland", 2), ("Cyprus", 1), ("Sweden", 1),
    ("Austria", 1), ("Denmark", 1), ("Japan", 1), ("Poland", 1),
)  # fmt: skip
_COLOURS = (
    "RED", "PINK", "BLUE", "IVORY", "GREEN", "SILVER", "BLACK", "MINT", "LILAC", "CREAM",
    "ROSE", "AMBER",
)  # fmt: skip
_STYLES = (
    "VINTAGE", "RETRO", "SPOTTY", "FLORAL", "WOODEN", "METAL", "CERAMIC", "ENAMEL", "GLASS",
    "PAISLEY", "GINGHAM", "SKULLS", "FELT", "ZINC", "DOLLY", "STRAWBERRY",
)  # fmt: skip
_THINGS = (
    "LUNCH BAG", "CAKE STAND", "T-LIGHT HOLDER", "TEA TOWEL", "MUG", "DOORMAT", "PHOTO FRAME",
    "STORAGE TIN", "HAND WARMER", "NAPKINS", "BUNTING", "COAT RACK", "CLOCK", "UMBRELLA",
    "CUSHION COVER", "NOTEBOOK", "BIRTHDAY CARD", "WALL SIGN", "TRINKET BOX", "CUTLERY SET",
    "PARTY CANDLES", "WATER BOTTLE", "JAM JAR", "GIFT WRAP", "KEY RING", "DRAWER KNOB",
)  # fmt: skip
_FESTIVE = ("CHRISTMAS TREE STAR", "ADVENT CALENDAR", "SANTA STOCKING", "REINDEER GARLAND")
# Names that a careless CSV reader gets wrong, one product in forty.
_AWKWARD = (
    'RECORD FRAME 7" SINGLE', "TEA,COFFEE,SUGAR TINS", "CAFÉ CHALKBOARD", "£ SIGN MONEY BOX",
    'SAYS "HOME", DOORSTOP', "CRÈME BRÛLÉE DISH", "KEY FOB , SHED",
)  # fmt: skip
_PENCE = (
    29, 39, 42, 42, 55, 65, 83, 85, 85, 85, 95, 125, 125, 125, 125, 145, 165, 165, 165, 195, 208,
    210, 255, 295, 295, 329, 375, 375, 415, 425, 495, 495, 595, 795, 850, 995, 1275, 1695,
)  # fmt: skip
# Units on a line and their weights, for products below three pounds and for the others.
_CHEAP_UNITS = (
    (1, 180), (2, 130), (3, 60), (4, 70), (5, 20), (6, 90), (8, 25), (10, 60), (12, 150),
    (16, 10), (20, 15), (24, 70), (25, 15), (36, 10), (48, 18), (72, 6), (96, 5), (100, 4),
    (144, 3), (288, 1), (600, 1),
)  # fmt: skip
_DEAR_UNITS = (
    (1, 420), (2, 200), (3, 110), (4, 90), (6, 90), (8, 30), (12, 30), (16, 6), (24, 8), (48, 2),
)  # fmt: skip
_MONTHS = (59, 58, 74, 73, 86, 77, 74, 67, 90, 101, 133, 95)
_WEEKDAYS = (80, 91, 93, 109, 81, 0, 46)
_HOURS = {
    6: 2, 7: 3, 8: 52, 9: 152, 10: 247, 11: 264, 12: 330, 13: 281, 14: 261, 15: 256, 16: 163,
    17: 100, 18: 28, 19: 18, 20: 3,
}  # fmt: skip


class Weighted(Generic[T]):
    """Items to draw from, some more often than others."""

    def __init__(self, items: Sequence[T], weights: Sequence[int]) -> None:
        self.items = items
        self.bounds = list(accumulate(weights))
        self.total = self.bounds[-1]

    def draw(self, rng: Random) -> T:
        """Return one of the items."""
        return self.items[bisect(self.bounds, int(rng.random() * self.total))]


@dataclass(frozen=True, slots=True)
class Product:
    """A product: the ``code,description`` of its lines in CSV, its prices, its usual units."""

    csv: str
    price: str
    bulk_price: str
    units: Weighted[int]


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer: the ``CustomerID,Country`` of the lines in CSV."""

    csv: str
    abroad: bool


@dataclass(frozen=True)
class Catalogue:
    """The products and customers; a few of them make most of the trade."""

    products: Weighted[Product]
    festive: Weighted[Product]
    customers: Weighted[Customer]


def quoted(text: str) -> str:
    """Return ``text`` as a CSV field, in quotes where it needs them."""
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def long_tail(items: Sequence[T], head: int) -> Weighted[T]:
    """Return ``items``, the first the most likely; the smaller ``head``, the more so."""
    return Weighted(items, [10_000_000 // (rank + head) for rank in range(len(items))])


def make_catalogue(rng: Random) -> Catalogue:
    """Return a shop of the same size as the dataset's."""
    cheap, dear = (
        Weighted([units for units, _ in table], [weight for _, weight in table])
        for table in (_CHEAP_UNITS, _DEAR_UNITS)
    )
    products = []
    for number in range(PRODUCTS):
        pence = _pick(rng, _PENCE)
        letter = "" if rng.random() < 0.7 else _pick(rng, "ABCDEFGLMNPSUW")
        name = quoted(_name(rng, awkward=number % 40 == 11, festive=number % 25 == 6))
        products.append(
            Product(
                f"{20_000 + number * 21 + int(rng.random() * 21)}{letter},{name}",
                format_pence(pence),
                format_pence(pence * 83 // 100),
                cheap if pence < 300 else dear,
            )
        )
    festive = products[6::25]
    return Catalogue(long_tail(products, 40), long_tail(festive, 10), _customers(rng))


def opening_hours(rng: Random, start: date, days: int) -> Weighted[str]:
    """Return the hours (``YYYY-MM-DD HH``) in which the shop trades, by how much it then sells.

    It is closed on Saturdays and from 24 December to 3 January.

    Raises:
        UsageError: it is closed throughout, or the years are outside 1900 to 2100.
    """
    if start.year < 1900 or start.toordinal() + days - 1 > date(2100, 12, 31).toordinal():
        raise UsageError(f"{days} days from {start} are not all within the years 1900 to 2100")
    hours: list[str] = []
    weights: list[int] = []
    for day in (start + timedelta(days=number) for number in range(days)):
        noise = 70 + int(rng.random() * 61)
        trade = _MONTHS[day.month - 1] * _WEEKDAYS[day.weekday()] * noise
        if trade and not (day.month, day.day) >= (12, 24) and not (day.month, day.day) <= (1, 3):
            hours += [f"{day.isoformat()} {hour:02d}" for hour in _HOURS]
            weights += [trade * weight for weight in _HOURS.values()]
    if not hours:
        raise UsageError(
            f"the sample's shop is closed on all {days} days from {start} (Saturdays, and"
            " 24 December to 3 January): choose a longer period"
        )
    return Weighted(hours, weights)


def _pick(rng: Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]


def _name(rng: Random, *, awkward: bool, festive: bool) -> str:
    colour, style = _pick(rng, _COLOURS), _pick(rng, _STYLES)
    if awkward:
        return f"{_pick(rng, _AWKWARD)} {colour}"
    thing = _pick(rng, _FESTIVE if festive else _THINGS)
    pack = f"SET OF {2 + int(rng.random() * 11)} " if rng.random() < 0.15 else ""
    return f"{pack}{style} {thing} {colour}"


def _customers(rng: Random) -> Weighted[Customer]:
    countries = Weighted([name for name, _ in _COUNTRIES], [share for _, share in _COUNTRIES])
    customers = []
    for number in range(CUSTOMERS):
        country = countries.draw(rng)
        customers.append(Customer(f"{12_346 + number},{country}", country != UK))
    for number in range(CUSTOMERS - 1, 0, -1):  # so that the best are not the lowest numbers
        other = int(rng.random() * (number + 1))
        customers[number], customers[other] = customers[other], customers[number]
    return long_tail(customers, 20)
