"""Selections that reports are compared under: each filter by itself, and several at once."""

from __future__ import annotations

from datetime import date

from retail_pipeline.domain.figures import Customers, Selection
from retail_pipeline.domain.transaction import Kind
from tests.shop import FIRST, LAST

MARCH = (date(2011, 3, 1), date(2011, 3, 31))
SELECTIONS = {
    "everything": Selection(FIRST, LAST),
    "one country": Selection(FIRST, LAST, countries=("United Kingdom",)),
    "a rare country": Selection(FIRST, LAST, countries=("Saudi Arabia",)),
    "no country given": Selection(FIRST, LAST, countries=(None,)),
    "two countries and none": Selection(FIRST, LAST, countries=("France", "EIRE", None)),
    "one day": Selection(date(2011, 3, 1), date(2011, 3, 1)),
    "a month of one country": Selection(date(2011, 2, 1), date(2011, 2, 28), countries=("France",)),
    "beyond the data": Selection(date(2000, 1, 1), date(2030, 1, 1)),
    "one product": Selection(FIRST, LAST, products=("22005",)),
    "products and a fee": Selection(*MARCH, products=("22005", "22011", "POST")),
    "known customers": Selection(FIRST, LAST, customers=Customers.KNOWN),
    "guests": Selection(FIRST, LAST, customers=Customers.GUESTS),
    "sales": Selection(FIRST, LAST, kinds=(Kind.SALE,)),
    "what lowers sales": Selection(FIRST, LAST, kinds=(Kind.CANCELLATION, Kind.ADJUSTMENT)),
    "without guests": Selection(FIRST, LAST, guests=False),
    "without cancellations": Selection(FIRST, LAST, cancellations=False),
    "without adjustments and fees": Selection(FIRST, LAST, adjustments=False),
    "without duplicates": Selection(FIRST, LAST, duplicates=False),
    "goods sold to known customers in March": Selection(
        *MARCH, customers=Customers.KNOWN, kinds=(Kind.SALE,), adjustments=False, duplicates=False
    ),
    "a product without duplicates in two countries": Selection(
        FIRST,
        LAST,
        countries=("United Kingdom", None),
        products=("22003",),
        guests=False,
        duplicates=False,
    ),
}
NOTHING = {
    "an unknown country": Selection(FIRST, LAST, countries=("Narnia",)),
    "a name like an operator": Selection(FIRST, LAST, countries=("$ne", '{"$gt": ""}')),
    "a product like an operator": Selection(FIRST, LAST, products=("$ne", '{"$gt": ""}')),
    "before the data": Selection(date(2000, 1, 1), date(2000, 1, 2)),
    "guests without guests": Selection(FIRST, LAST, customers=Customers.GUESTS, guests=False),
}
