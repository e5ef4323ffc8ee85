"""The overview shows exact figures of what is chosen, and plain words when there are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore
from retail_pipeline.dashboard import format
from retail_pipeline.dashboard.server import PAGE
from retail_pipeline.domain.collections import ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.figures import Customers, Figures, Selection
from retail_pipeline.domain.transaction import Kind
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages.conftest import NOBODY, SCRIPT, OpenPage

TABLE = shop.table()


def expected(selection: Selection) -> dict[str, str]:
    """Return the cards as they must read, from pandas' figures."""
    return cards_of(shop.figures(shop.selected(TABLE, selection)))


def cards_of(figures: Figures) -> dict[str, str]:
    return {
        "Net sales": format.money(figures.net),
        "Gross sales": format.money(figures.gross),
        "Orders": format.count(figures.orders),
        "Average order value": format.money(figures.average_order_value),
        "Units per order": format.decimal(figures.units_per_order),
        "Customers": format.count(figures.customers),
        "Guests' share": format.percent(figures.guest_share),
        "Cancellation rate": format.percent(figures.cancellation_rate),
    }


def cards(page: AppTest) -> dict[str, str]:
    """Return the cards as they read, and fail if the page broke."""
    assert not page.exception, page.exception
    return {card.label: card.value for card in page.metric}


def words(page: AppTest) -> str:
    """Return all words outside of charts and tables."""
    assert not page.exception, page.exception
    kinds = (
        page.title,
        page.caption,
        page.markdown,
        page.info,
        page.warning,
        page.error,
        page.code,
    )
    return "\n".join(element.value for kind in kinds for element in kind)


@pytest.mark.parametrize("script", [SCRIPT, PAGE], ids=["entry script", "installed"])
def test_the_whole_period_shows_the_exact_figures(
    open_page: OpenPage, sold: Settings, script: Path
) -> None:
    page = open_page(sold, script=script)
    assert cards(page) == expected(Selection(shop.FIRST, shop.LAST))
    assert all(card.help for card in page.metric)
    assert f"{format.day(TABLE['day'].min())} to {format.day(TABLE['day'].max())}" in words(page)
    assert len(page.get("vega_lite_chart")) == 4


FILTERS = {
    "a preset": (
        {"period": "Last 30 days"},
        Selection(date(2011, 3, 5), date(2011, 4, 3)),
    ),
    "countries": (
        {"country": ["France", "No country given"]},
        Selection(shop.FIRST, shop.LAST, countries=("France", None)),
    ),
    "custom dates": (
        {"period": "Custom dates", "from_": "2011-02-10", "to": "2011-02-20"},
        Selection(date(2011, 2, 10), date(2011, 2, 20)),
    ),
    "an open end": (
        {"period": "Custom dates", "from_": "2011-03-10", "country": "EIRE"},
        Selection(date(2011, 3, 10), shop.LAST, countries=("EIRE",)),
    ),
    "products": (
        {"product": ["22003", "POST"]},
        Selection(shop.FIRST, shop.LAST, products=("22003", "POST")),
    ),
    "known customers": (
        {"who": "Known"},
        Selection(shop.FIRST, shop.LAST, customers=Customers.KNOWN),
    ),
    "kinds": (
        {"kind": ["Sales", "Adjustments"]},
        Selection(shop.FIRST, shop.LAST, kinds=(Kind.SALE, Kind.ADJUSTMENT)),
    ),
    "everything cleaned": (
        {
            "guests": "false",
            "cancellations": "false",
            "adjustments": "false",
            "duplicates": "false",
        },
        Selection(
            shop.FIRST,
            shop.LAST,
            guests=False,
            cancellations=False,
            adjustments=False,
            duplicates=False,
        ),
    ),
}


@pytest.mark.parametrize(("query", "selection"), FILTERS.values(), ids=FILTERS)
def test_the_address_sets_the_filters(
    open_page: OpenPage, sold: Settings, query: dict[str, str], selection: Selection
) -> None:
    assert cards(open_page(sold, **query)) == expected(selection)


def test_filters_set_by_hand_outlive_a_refresh(open_page: OpenPage, sold: Settings) -> None:
    page = open_page(sold)
    page.selectbox(key="period").set_value("Last 7 days").run()
    page.multiselect(key="country").set_value(["United Kingdom"]).run()
    seven_days = Selection(date(2011, 3, 28), date(2011, 4, 3), countries=("United Kingdom",))
    assert cards(page) == expected(seven_days)
    assert cards(page.run()) == expected(seven_days)
    assert page.multiselect(key="country").value == ["United Kingdom"]


@pytest.mark.parametrize("by", ["Hour", "Day", "Week", "Month", "Fortnight"])
def test_every_unit_of_time_can_be_asked_for(open_page: OpenPage, sold: Settings, by: str) -> None:
    """One that is unknown, or too fine for the period, leaves the choice to the page."""
    assert cards(open_page(sold, by=by)) == expected(Selection(shop.FIRST, shop.LAST))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"country": "Narnia"}, "Apr 2011, Narnia"),
        ({"country": '{"$ne": null}'}, "No transactions"),
        ({"product": '{"$gt": ""}'}, "No transactions"),
        ({"country": "[x](http://x)"}, r"\[x\]\(http\:"),
        (
            {"period": "Custom dates", "from_": "2011-12-01", "to": "2011-12-31"},
            "1 Dec 2011 to 31 Dec 2011",
        ),
        (
            {"period": "Custom dates", "from_": "2013-01-01", "to": "2013-12-31"},
            "1 Jan 2013 to 31 Dec 2013",
        ),
        ({"period": "Custom dates", "from_": "2013-01-01"}, "for: 1 Jan 2013, all"),
        (
            {"period": "Custom dates", "from_": "2011-03-02", "to": "2011-03-01"},
            "the wrong way round",
        ),
    ],
)
def test_filters_that_leave_nothing_say_so(
    open_page: OpenPage, sold: Settings, query: dict[str, str], message: str
) -> None:
    page = open_page(sold, **query)
    assert cards(page) == {}
    assert message in words(page)


def test_an_empty_database_says_how_data_gets_there_and_shows_it_when_it_does(
    open_page: OpenPage,
    use: Callable[[str, str], None],
    fresh: Settings,
    stack: RunningStack,
) -> None:
    page = open_page(fresh, live="false")
    assert "No transactions yet" in words(page)
    assert "make demo" in words(page)

    shop.load(stack, fresh, [shop.transaction(2)])
    use(fresh.mongo("reader"), fresh.mongo_database)  # Forgets the status it had seen.
    assert cards(page.run())["Net sales"] == "£15.30"


def test_custom_dates_outlive_first_rows_of_another_year(
    open_page: OpenPage,
    use: Callable[[str, str], None],
    fresh: Settings,
    stack: RunningStack,
) -> None:
    dates = {"period": "Custom dates", "from_": "2011-02-01", "to": "2011-02-03"}
    page = open_page(fresh, live="false", **dates)
    assert "No transactions yet" in words(page)

    december = datetime(2010, 12, 1, 9, tzinfo=UTC)
    shop.load(stack, fresh, [shop.transaction(2, InvoiceDate=december)])
    use(fresh.mongo("reader"), fresh.mongo_database)
    for _ in range(2):
        assert "No transactions** for: 1 Feb 2011 to 3 Feb 2011" in words(page.run())

    shop.load(stack, fresh, [shop.transaction(3, Quantity=2)])
    use(fresh.mongo("reader"), fresh.mongo_database)
    assert cards(page.run())["Net sales"] == "£5.10"


def test_a_date_that_no_calendar_has_is_ignored(open_page: OpenPage, sold: Settings) -> None:
    page = open_page(sold, period="Custom dates", from_="9999-12-31", to="tomorrow")
    assert cards(page) == expected(Selection(shop.FIRST, shop.LAST))


def test_choices_of_a_link_that_are_left_out_are_counted(
    open_page: OpenPage, sold: Settings
) -> None:
    page = open_page(sold, country=[f"Country {number}" for number in range(103)])
    assert "3 more of the link left out: 100 at most" in words(page)
    assert len(page.multiselect(key="country").value) == 100
    assert "more of the link" not in words(open_page(sold, country="France"))


def test_filters_that_a_link_gets_wrong_are_named_before_unknown_keys(
    open_page: OpenPage, sold: Settings
) -> None:
    unknown = {f"key{number}": "x" for number in range(9)}
    page = open_page(sold, **unknown, who="nobody", guests="maybe", from_="2011-02-30")
    assert cards(page) == expected(Selection(shop.FIRST, shop.LAST))
    for part in ("who “nobody”", "guests “maybe”", r"from “2011\-02\-30”", "and 7 more"):
        assert part in words(page)


def test_dates_alone_in_a_link_are_applied(open_page: OpenPage, sold: Settings) -> None:
    first, last = date(2011, 2, 10), date(2011, 3, 20)
    page = open_page(sold, from_=f"{first}", to=f"{last}")
    assert cards(page) == expected(Selection(first, last))


def test_rows_not_yet_summarised_are_announced(
    open_page: OpenPage, fresh: Settings, stack: RunningStack
) -> None:
    with connect(stack.root_uri, name="tests") as client:
        ensure_schema(client[fresh.mongo_database])
        store = MongoStore(client, fresh.mongo_database)
        store.insert([shop.transaction(2)])
        assert "The first 1 row arrived" in words(open_page(fresh))
        shop.load(stack, fresh, [shop.transaction(2)])
        store.mark_dirty([datetime(2011, 2, day, tzinfo=UTC) for day in (1, 2)])
        page = open_page(fresh)
    assert "2 days being summarised" in words(page)
    assert cards(page)["Orders"] == "1"


def test_mongodb_away_says_what_to_do_and_the_page_comes_back_with_its_filters(
    use: Callable[[str, str], None], open_page: OpenPage, sold: Settings
) -> None:
    page = open_page(sold, country="France", live="false")
    figures = cards(page)
    assert figures

    use(NOBODY, sold.mongo_database)
    page.run()
    assert cards(page) == {}
    assert "MongoDB is away" in words(page) and "127.0.0.1:9" in words(page)
    assert page.multiselect(key="country").value == ["France"]

    use(sold.mongo("reader"), sold.mongo_database)
    assert cards(page.run()) == figures


def test_mongodb_away_at_first_sight_forgets_no_filter(
    use: Callable[[str, str], None], sold: Settings
) -> None:
    use(NOBODY, sold.mongo_database)
    page = AppTest.from_file(str(SCRIPT), default_timeout=60)
    page.query_params["country"] = "EIRE"
    page.query_params["period"] = "Last 30 days"
    assert "MongoDB is away" in words(page.run())
    use(sold.mongo("reader"), sold.mongo_database)
    assert cards(page.run()) == expected(
        Selection(date(2011, 3, 5), date(2011, 4, 3), countries=("EIRE",))
    )


def test_a_user_without_rights_learns_which_setting_to_correct(
    use: Callable[[str, str], None], fresh: Settings
) -> None:
    use(fresh.mongo("reader"), "somebody_elses")
    text = words(AppTest.from_file(str(SCRIPT), default_timeout=60).run())
    assert "MongoDB refuses" in text and "MONGO_READER_URI" in text
    password = fresh.mongo("reader").split(":")[2].partition("@")[0]
    assert password not in text


def test_a_missing_index_is_no_matter_of_rights(
    open_page: OpenPage, fresh: Settings, stack: RunningStack
) -> None:
    shop.load(stack, fresh, [shop.transaction(2)])
    with connect(stack.root_uri, name="tests") as client:
        client[fresh.mongo_database][ORDERS_ROLLUP].drop_index("by_rebuild")
    text = words(open_page(fresh))
    assert "MongoDB can't answer" in text and "an index is missing, run `retail setup`" in text
    assert "refuses" not in text


def test_days_of_another_release_are_being_summarised(
    open_page: OpenPage, fresh: Settings, stack: RunningStack
) -> None:
    first, second = (datetime(2011, 2, day, 9, tzinfo=UTC) for day in (1, 2))
    lines = [shop.transaction(2, InvoiceDate=first), shop.transaction(3, InvoiceDate=second)]
    shop.load(stack, fresh, lines)
    with connect(stack.root_uri, name="tests") as client:
        older = {"$set": {"layout": 1, "entries": [{"StockCode": "85123A", "lines": 1}]}}
        for rollup in (ORDERS_ROLLUP, PRODUCTS_ROLLUP):
            client[fresh.mongo_database][rollup].update_one({"_id": datetime(2011, 2, 1)}, older)
    page = open_page(fresh)
    assert "1 day being summarised" in words(page)
    assert cards(page)["Net sales"] == "£15.30"


def test_summaries_that_nobody_can_read_are_reported(
    open_page: OpenPage, fresh: Settings, stack: RunningStack
) -> None:
    shop.load(stack, fresh, [shop.transaction(2)])
    with connect(stack.root_uri, name="tests") as client:
        odd = {"$set": {"entries": [{"kind": "sale"}]}}
        client[fresh.mongo_database][ORDERS_ROLLUP].update_many({}, odd)
    assert "The figures can't be worked out" in words(open_page(fresh))


@pytest.mark.parametrize("uri, database", [(NOBODY, "no/such name"), ("http://here", "retail_db")])
def test_a_wrong_setting_is_named(use: Callable[[str, str], None], uri: str, database: str) -> None:
    use(uri, database)
    text = words(AppTest.from_file(str(SCRIPT), default_timeout=60).run())
    assert "A setting is wrong" in text and "MONGO" in text
