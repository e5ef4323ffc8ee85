"""The pages' bodies drawn outside of an application, with what they draw noted, not shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pandas as pd
import pytest
import streamlit as st

from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.dashboard import data, panel
from retail_pipeline.dashboard.filters import Choice
from retail_pipeline.dashboard.panel import Panel
from retail_pipeline.dashboard.view import View
from retail_pipeline.domain.figures import Selection
from retail_pipeline.domain.periods import CUSTOM
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.settings import Settings
from tests import shop
from tests.conftest import RunningStack

Body = Callable[[View], None]
# It warns of each thing drawn while no application runs.
_NO_APPLICATION = "streamlit.runtime.scriptrunner_utils.script_run_context"


@dataclass
class Drawn:
    """What was drawn: cards with their options, panels with the frame of their chart, and words.

    ``answers`` are what the page's own choices are set to, by their keys.
    """

    cards: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
    frames: dict[str, pd.DataFrame] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    answers: dict[str, object] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All words outside of panels, as they are read."""
        return "\n".join(self.words).replace("\\", "")

    def card(self, _view: View, label: str, value: str, **options: Any) -> None:
        self.cards[label], self.options[label] = value, options

    def say(self, text: str, **_: Any) -> None:
        self.words.append(text)

    def choice(self, _label: str, offered: Sequence[object] = (), **options: Any) -> object:
        """Answer one of the page's own choices: as the test asked, or with the default."""
        first = next(iter(offered), None) if options.get("index", 0) is not None else None
        at_first = options.get("default", options.get("value", first))
        return self.answers.get(options["key"], at_first)

    def typed(self, _label: str, *, key: str, **_: Any) -> object:
        return self.answers.get(key, "")


def draw(body: Callable[..., None], *of: Any, **answers: object) -> Drawn:
    """Draw a body outside of an application, and return what it drew."""
    noted = Drawn(answers=answers)

    def chart(shown: Panel, _spec: Any, frame: Any = None, **_: Any) -> None:
        noted.rows[shown.key], noted.frames[shown.key] = shown.rows, frame

    def table(shown: Panel, *_: Any, **_options: Any) -> None:
        noted.rows[shown.key] = shown.rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger(_NO_APPLICATION), "disabled", True)
        patch.setattr(panel, "card", noted.card)
        patch.setattr(Panel, "chart", chart)
        patch.setattr(Panel, "table", table)
        for name in ("caption", "markdown", "info", "warning"):
            patch.setattr(st, name, noted.say)
        for name in ("selectbox", "segmented_control"):
            patch.setattr(st, name, noted.choice)
        patch.setattr(st, "text_input", noted.typed)
        body(*of)
    return noted


@dataclass
class Pages:
    """Pages of one database under the filters of selections; each is drawn once."""

    settings: Settings
    snapshot: Snapshot
    known: dict[object, Drawn] = field(default_factory=dict)

    def view(self, selection: Selection) -> View:
        """Return what a page draws from."""
        assert self.snapshot.days is not None
        return View(self.snapshot, Choice(CUSTOM, **vars(selection)), self.snapshot.days)

    def draw(self, body: Body, selection: Selection, **answers: object) -> Drawn:
        """Return what a page draws where its own choices are set to ``answers``, by their keys."""
        key = (body, selection, *answers.items())
        if key not in self.known:
            self.known[key] = draw(body, self.view(selection), **answers)
        return self.known[key]


def pages_of(settings: Settings) -> Iterator[Pages]:
    """Yield the pages of a database."""
    st.cache_data.clear()
    st.cache_resource.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "settings", lambda: settings)
        snapshot = data.snapshot()
    yield Pages(settings, snapshot)
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def shop_pages(sold: Settings) -> Iterator[Pages]:
    yield from pages_of(sold)


@pytest.fixture
def of_shop(shop_pages: Pages, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """The small shop's two months."""
    monkeypatch.setattr(data, "settings", lambda: shop_pages.settings)
    return shop_pages


def two_years() -> list[Transaction]:
    """Return ten days of a year, and twenty days up to the same dates of the next one.

    Each line is at the beginning of its hour: most of an order are at one moment.
    """
    made: list[Transaction] = []
    for seed, first, years in ((7, date(2011, 3, 1), 0), (8, date(2011, 2, 19), 1)):
        for each in shop.shop(seed=seed):
            if first <= each.InvoiceDate.date() <= date(2011, 3, 10):
                moment = each.InvoiceDate + timedelta(days=365 * years)
                if years and each.InvoiceDate.date() >= date(2011, 3, 1):
                    moment += timedelta(days=1)  # 2012 has a 29 February
                moment = moment.replace(minute=0, second=0)
                changes = {"row": len(made) + 2, "InvoiceDate": moment}
                made.append(msgspec.structs.replace(each, **changes))
    return made


@pytest.fixture(scope="module")
def years_pages(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    settings = stack.names(tmp_path_factory.mktemp("years"))
    shop.load(stack, settings, two_years())
    yield from pages_of(settings)
    stack.forget(settings)


@pytest.fixture
def of_years(years_pages: Pages, monkeypatch: pytest.MonkeyPatch) -> Pages:
    """Some days of two years."""
    monkeypatch.setattr(data, "settings", lambda: years_pages.settings)
    return years_pages


def in_2012(selection: Selection) -> Selection:
    """Return the selection for ten days with as many before them, and the year before."""
    return replace(selection, first=date(2012, 3, 1), last=date(2012, 3, 10))


def starts_of(table: pd.DataFrame, unit: str) -> list[datetime]:
    """Return the start of each row's hour, day, week or month, as pandas' periods have it."""
    moments = pd.to_datetime(table["InvoiceDate"], utc=True).dt.tz_localize(None)
    periods = moments.dt.to_period({"hour": "h", "day": "D", "week": "W", "month": "M"}[unit])
    return [each.start_time.to_pydatetime().replace(tzinfo=UTC) for each in periods]
