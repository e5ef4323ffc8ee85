"""Sums by customer, cohorts, new and returning customers, on orders made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from retail_pipeline.analytics import customers
from retail_pipeline.analytics.cohorts import cohorts
from retail_pipeline.analytics.tables import (
    ADJUSTMENT,
    CANCELLATION,
    GUEST,
    SALE,
    Dictionaries,
)
from retail_pipeline.domain.days import day_number

ANN, BOB, CAT = 1, 2, 3
POUND = 1_000_000


def orders(*rows: tuple[str, int, int, int, int]) -> pd.DataFrame:
    """Return rows of orders: day, invoice, customer, kind, pounds."""
    days = [date.fromisoformat(day) for day, *_ in rows]
    return pd.DataFrame(
        {
            "day": pd.array([day_number(day) for day in days], "int32").to_numpy(),
            "hour": [9] * len(rows),
            "invoice": [invoice for _, invoice, *_ in rows],
            "customer": [customer for _, _, customer, *_ in rows],
            "country": [invoice % 2 for _, invoice, *_ in rows],
            "fee": [False] * len(rows),
            "kind": [kind for *_, kind, _ in rows],
            "lines": [1] * len(rows),
            "units": [2] * len(rows),
            "micros": [pounds * POUND for *_, pounds in rows],
        }
    )


ROWS = orders(
    ("2011-01-30", 1, ANN, SALE, 10),
    ("2011-01-31", 2, BOB, SALE, 5),
    ("2011-02-01", 3, ANN, SALE, 20),
    ("2011-02-01", 4, ANN, CANCELLATION, -20),
    ("2011-02-03", 5, GUEST, SALE, 99),
    ("2011-02-28", 6, CAT, CANCELLATION, -7),
    ("2011-03-01", 7, CAT, SALE, 7),
    ("2011-03-02", 8, GUEST, ADJUSTMENT, -1),
    ("2011-03-05", 3, ANN, SALE, 1),
)


def test_each_customer_has_its_sums_and_the_days_of_orders() -> None:
    found = customers.by_customer(ROWS)
    assert found.index.tolist() == [ANN, BOB, CAT]
    assert found["net"].tolist() == [11 * POUND, 5 * POUND, 0]
    assert found["gross"].tolist() == [31 * POUND, 5 * POUND, 7 * POUND]
    assert found["orders"].tolist() == [2, 1, 1]
    assert found["cancellations"].tolist() == [1, 0, 1]
    last = [day_number(date(2011, *each)) for each in ((3, 5), (1, 31), (3, 1))]
    assert found["last"].tolist() == last
    assert found["first"].iloc[0] == day_number(date(2011, 1, 30))


def test_who_only_cancelled_has_no_day_of_an_order() -> None:
    found = customers.by_customer(ROWS[ROWS["invoice"] == 6])
    assert found[["orders", "first", "last"]].to_numpy().tolist() == [
        [0, customers.NO_DAY, customers.NO_DAY]
    ]
    assert len(customers.by_customer(ROWS[ROWS["customer"] == GUEST])) == 0


def test_guests_and_customers_are_all_there_is() -> None:
    known, guests = customers.split(ROWS)
    assert sorted([*known.index, *guests.index]) == ROWS.index.tolist()
    assert guests["invoice"].tolist() == [5, 8]


def test_the_highest_net_sales_come_first_and_equal_ones_by_number() -> None:
    register = Dictionaries()
    register.customers.of(["9", "7", "8"])
    table = pd.DataFrame({"net": [5, 5, 6]}, index=[1, 2, 3])
    assert customers.ranked(table, register)["number"].tolist() == ["8", "7", "9"]


def test_the_country_is_that_of_the_newest_row() -> None:
    found = customers.countries(ROWS)
    assert (found[BOB], found[CAT], found[ANN]) == (0, 1, 1)


def test_invoices_are_the_newest_first() -> None:
    register = Dictionaries()
    register.invoices.of([str(number) for number in range(10)])
    found = customers.by_invoice(ROWS[ROWS["customer"] == ANN], register)
    assert found.index.tolist() == [3, 4, 1], "an invoice of two days is as new as its last"
    split = found.loc[3]
    assert (split["end"] - split["start"]) / 24 == (date(2011, 3, 5) - date(2011, 2, 1)).days
    assert split["net"] == 21 * POUND and found.loc[4, "cancelled"] == -20 * POUND


def test_a_customer_is_new_in_the_month_of_the_first_order_only() -> None:
    first = customers.first_orders(ROWS)
    found = customers.new_and_returning(ROWS, first, "month")
    counts = {start.month: (each["new"], each["returning"]) for start, each in found}
    assert counts == {1: (2, 0), 2: (0, 1), 3: (1, 1)}
    assert found[0][0] == datetime(2011, 1, 1, tzinfo=UTC)
    gross = [(each["new_gross"], each["returning_gross"]) for _, each in found]
    assert gross == [(15 * POUND, 0), (0, 20 * POUND), (7 * POUND, 1 * POUND)]


def test_who_bought_before_the_period_is_not_new_in_it() -> None:
    march = ROWS[ROWS["day"] >= day_number(date(2011, 3, 1))]
    [(_, of_march)] = customers.new_and_returning(march, customers.first_orders(march), "month")
    assert (of_march["new"], of_march["returning"]) == (2, 0)
    [(_, of_all)] = customers.new_and_returning(march, customers.first_orders(ROWS), "month")
    assert (of_all["new"], of_all["returning"]) == (1, 1)


def test_cohorts_are_the_months_of_first_orders() -> None:
    found = cohorts(ROWS, date(2011, 3, 31))
    assert found.months == (date(2011, 1, 1), date(2011, 2, 1), date(2011, 3, 1))
    assert found.sizes.tolist() == [2, 0, 1]
    assert found.active.tolist() == [[2, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert found.whole and found.overall(1) == found.overall(2) == (1, 2)
    assert found.happened(0, 2) and not found.happened(1, 2)


def test_a_month_that_is_not_over_is_marked_and_in_no_average() -> None:
    found = cohorts(ROWS, date(2011, 3, 5))
    assert not found.whole
    assert found.complete(0, 1) and found.happened(0, 2) and not found.complete(0, 2)
    assert found.overall(1) == (1, 2) and found.overall(2) == (0, 0)


def test_months_without_any_order_up_to_the_last_day_count_as_nobody_back() -> None:
    found = cohorts(ROWS, date(2011, 5, 31))
    assert len(found.months) == 5
    assert found.active[0].tolist() == [2, 1, 1, 0, 0] and found.overall(4) == (0, 2)


def test_only_the_newest_cohorts_are_kept_where_there_are_many() -> None:
    found = cohorts(ROWS, date(2011, 3, 31)).newest(2)
    assert found.months == (date(2011, 2, 1), date(2011, 3, 1))
    assert found.active.tolist() == [[0, 0], [1, 0]] and found.sizes.tolist() == [0, 1]


@pytest.mark.parametrize("rows", [ROWS[:0], ROWS[ROWS["customer"] == GUEST]])
def test_without_a_customer_there_are_no_cohorts(rows: pd.DataFrame) -> None:
    found = cohorts(rows, date(2011, 3, 5))
    assert found.months == () and found.newest(24).months == ()
    assert customers.new_and_returning(rows, customers.first_orders(rows), "week") == []
