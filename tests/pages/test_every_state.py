"""Every page says in plain words what is the matter, in each state that a database can be in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from streamlit.testing.v1 import AppTest

from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.heartbeats import MongoHeartbeats
from retail_pipeline.adapters.mongo.rollups import MongoRollups
from retail_pipeline.adapters.mongo.schema import ensure_schema
from retail_pipeline.adapters.mongo.store import MongoStore, as_documents
from retail_pipeline.dashboard import data
from retail_pipeline.dashboard.server import PAGE
from retail_pipeline.domain.heartbeat import ProcessorHeartbeat
from retail_pipeline.domain.sample_source import SAMPLE_SOURCE
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack
from tests.pages.conftest import NOBODY, OpenPage, app_at
from tests.pages.seen import Seen
from tests.pages.test_overview import words

PAGES = {
    "": "Overview",
    "products": "Products",
    "customers": "Customers",
    "returns": "Returns and adjustments",
    "live": "Live",
    "quality": "Data quality",
}
# They have more to say than figures: no filter leaves them without anything.
BARE = ("live", "quality")
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path or "overview")
Use = Callable[[str, str], None]


@pytest.fixture(scope="module")
def empty(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database that was set up, and has no row yet."""
    settings = stack.names(tmp_path_factory.mktemp("empty"))
    with connect(stack.root_uri, name="tests") as client:
        ensure_schema(client[settings.mongo_database])
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def half(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with a day that is summarised and two that are not."""
    settings = stack.names(tmp_path_factory.mktemp("half"))
    shop.load(stack, settings, [shop.transaction(2)])
    with connect(stack.root_uri, name="tests") as client:
        store = MongoStore(client, settings.mongo_database)
        more = [
            shop.transaction(row, InvoiceDate=datetime(2011, 2, row, 9, tzinfo=UTC))
            for row in (3, 4)
        ]
        assert store.insert(more) == []
        store.mark_dirty([datetime(2011, 2, day, tzinfo=UTC) for day in (3, 4)])
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def arrived(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database whose first rows wait to be summarised."""
    settings = stack.names(tmp_path_factory.mktemp("arrived"))
    with connect(stack.root_uri, name="tests") as client:
        ensure_schema(client[settings.mongo_database])
        store = MongoStore(client, settings.mongo_database)
        assert store.insert([shop.transaction(2), shop.transaction(3)]) == []
        store.mark_dirty([datetime(2011, 2, 1, tzinfo=UTC)])
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def failing(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with a day of which the returns can't be made: a price is no decimal number."""
    settings = stack.names(tmp_path_factory.mktemp("failing"))
    back = shop.transaction(3, InvoiceNo="C536365", Quantity=-1)
    with connect(stack.root_uri, name="tests") as client:
        database = client[settings.mongo_database]
        ensure_schema(database)
        documents = as_documents([shop.transaction(2), back], datetime.now(UTC))
        documents[0]["UnitPrice"] = 2.55
        database.transactions.insert_many(documents, bypass_document_validation=True)
        MongoStore(client, settings.mongo_database).mark_dirty([datetime(2011, 2, 1, tzinfo=UTC)])
        summaries = MongoRollups(client, settings.mongo_database)
        while summaries.pending():
            summaries.rebuild_next()
    yield settings
    stack.forget(settings)


@pytest.fixture(scope="module")
def sampled(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A database with a row of the made-up sample."""
    settings = stack.names(tmp_path_factory.mktemp("sampled"))
    shop.load(stack, settings, [shop.transaction(2, source=SAMPLE_SOURCE)])
    yield settings
    stack.forget(settings)


def is_of(path: str, page: AppTest) -> bool:
    """Return whether the page is that of the path, drawn without a failure."""
    assert not page.exception, page.exception
    return [each.value for each in page.title] == [PAGES[path]]


@every_page
def test_an_empty_database_says_how_data_gets_there(
    open_page: OpenPage, empty: Settings, path: str
) -> None:
    page = open_page(empty, script=PAGE, at=path)
    text = words(page)
    assert is_of(path, page)
    assert "**No transactions yet.**" in text
    assert "make demo DATA=" in text and "retail produce" in text
    assert path in BARE or not page.metric


@every_page
def test_rows_that_wait_to_be_summarised_are_announced(
    open_page: OpenPage, arrived: Settings, path: str
) -> None:
    page = open_page(arrived, script=PAGE, at=path)
    assert is_of(path, page)
    assert "The first 2 rows arrived** and are being summarised" in words(page)
    assert path in BARE or not page.metric


@every_page
def test_a_database_half_summarised_shows_what_it_has_and_says_what_is_pending(
    open_page: OpenPage, half: Settings, path: str
) -> None:
    page = open_page(half, script=PAGE, at=path)
    assert is_of(path, page)
    assert "2 days being summarised: the figures are catching up" in words(page)
    assert page.metric or page.dataframe


@every_page
def test_a_day_that_cannot_be_summarised_is_named_with_the_reason(
    open_page: OpenPage, failing: Settings, path: str
) -> None:
    page = open_page(failing, script=PAGE, at=path)
    [error] = [each.value for each in page.error]
    assert is_of(path, page) and (page.metric or page.dataframe)
    assert "**This day can't be summarised:** 1 Feb 2011" in error.replace("\\", "")
    assert "returns" in error and "record contract" in error
    assert "being summarised" not in words(page)
    if path == "quality":
        [table] = [each.value for each in page.dataframe if "Attempts" in each.value.columns]
        assert table["Day"].to_list() == ["2011-02-01"]
        assert "85123A" in table["Why"].iloc[0]
        assert "restart the processor" in words(page)


def test_files_and_explanations_of_figures_say_which_day_they_lack(
    open_page: OpenPage, failing: Settings, seen: Seen
) -> None:
    open_page(failing, script=PAGE)
    assert seen.files
    for key in seen.files:
        assert any("Incomplete: 1 day can't be summarised" in line for line in seen.about(key))


@every_page
def test_where_no_day_can_be_summarised_the_pages_say_why(
    stack: RunningStack, open_page: OpenPage, arrived: Settings, path: str
) -> None:
    with connect(stack.root_uri, name="tests") as client:
        processors = MongoHeartbeats(client, arrived.mongo_database)
        heartbeat = ProcessorHeartbeat(
            name="p", started_at=datetime.now(UTC), summaries_error="no rights"
        )
        processors.keep(heartbeat, 0.0)
        page = open_page(arrived, script=PAGE, at=path)
        processors.keep(heartbeat, 0.0, stopped=True)
    assert is_of(path, page)
    [error] = [each.value for each in page.error]
    assert error.startswith("**No day can be summarised:** no rights")
    assert "in a few seconds" not in words(page)


@every_page
def test_the_figures_of_the_sample_are_marked_as_made_up_and_others_are_not(
    open_page: OpenPage, sampled: Settings, half: Settings, path: str
) -> None:
    page = open_page(sampled, script=PAGE, at=path)
    assert is_of(path, page)
    assert "**These figures are made up.**" in words(page)
    assert "make demo DATA=" in words(page)
    assert "made up" not in words(open_page(half, script=PAGE, at=path))


@every_page
def test_mongodb_away_says_that_nothing_is_lost_and_what_to_start(
    use: Use, sold: Settings, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(data, "_AWAY_MS", 200)
    use(NOBODY, sold.mongo_database)
    page = app_at(path, PAGE).run()
    text = words(page)
    assert is_of(path, page) and not page.metric
    assert "**MongoDB is away.**" in text and "nothing stored is lost" in text
    assert "127.0.0.1:9" in text


@every_page
def test_a_user_without_rights_learns_which_setting_to_correct(
    use: Use, sold: Settings, path: str
) -> None:
    use(sold.mongo("reader"), "somebody_elses")
    page = app_at(path, PAGE).run()
    text = words(page)
    assert is_of(path, page) and not page.metric
    assert "MongoDB refuses" in text and "MONGO_READER_URI" in text
    assert sold.mongo("reader").split(":")[2].partition("@")[0] not in text, "its password"


@every_page
def test_a_filter_without_rows_says_so(open_page: OpenPage, sold: Settings, path: str) -> None:
    page = open_page(sold, script=PAGE, at=path, country="Narnia")
    text = words(page)
    assert is_of(path, page)
    assert "Narnia" in text
    if path not in BARE:
        assert "**No transactions** for: " in text and not page.metric
    elif path == "live":
        assert "None of the 500 rows stored last counts under the filters" in text
    else:
        lacking = {each.label: each.value for each in page.metric}
        assert lacking["No customer"] == lacking["Exact duplicates"] == "–"
