"""What the page about quality counts in the lines is what pandas counts, under every filter."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from retail_pipeline.dashboard.operations import quality
from retail_pipeline.domain.figures import Selection
from tests import shop
from tests.pages.figures.conftest import Pages
from tests.selections import SELECTIONS

TABLE = shop.table()
every_selection = pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)


def counted(selection: Selection) -> pd.DataFrame:
    """Return the lines that count; duplicates are always looked for among them."""
    return shop.selected(TABLE, replace(selection, duplicates=True))


@every_selection
def test_what_lines_lack_is_pandas(of_shop: Pages, selection: Selection) -> None:
    drawn, lines = of_shop.draw(quality.body, selection), counted(selection)
    expected = {
        label: sum(each is None for each in lines[name])
        for label, name in (
            ("No customer", "CustomerID"),
            ("No description", "Description"),
            ("No country", "Country"),
        )
    }
    expected["Exact duplicates"] = int(lines.duplicated(list(shop.LINE)).sum())
    for label, count in expected.items():
        share = count / len(lines)
        assert drawn.cards[label] == ("<0.1%" if 0 < share < 0.0005 else f"{share:.1%}")
        assert f"{count:,} of {len(lines):,} line" in drawn.options[label]["meaning"]


@every_selection
def test_duplicates_by_day_are_pandas(of_shop: Pages, selection: Selection) -> None:
    lines = counted(selection)
    again = lines[lines.duplicated(list(shop.LINE))]
    found = of_shop.draw(quality.body, selection).rows["duplicates"]
    days = again["day"].map(lambda day: day.isoformat())
    expected = days.value_counts().sort_index()
    assert found["Day"].tolist() == expected.index.tolist()
    assert found["Lines"].tolist() == expected.tolist()
