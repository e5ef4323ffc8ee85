"""A manifest of an older release says as much as one of this release."""

from __future__ import annotations

import msgspec

from retail_pipeline.adapters.sources.columns import Layout
from retail_pipeline.domain.wire import MANIFEST
from tests.fakes import manifest


def test_what_an_older_manifest_says_of_a_row_is_its_layout() -> None:
    older = msgspec.to_builtins(manifest(3))
    del older["layout"]
    older |= {"delimiter": ";", "columns": [1, 2, 3, 4, 5, 6, 7, 8], "width": 9}
    found = MANIFEST.decode(msgspec.json.encode(older))
    assert Layout.of(found.layout) == Layout(tuple(range(1, 9)), 9, ";")


def test_a_layout_comes_back_as_it_was_sent() -> None:
    sent = manifest(3, layout="what only the format knows")
    assert MANIFEST.decode(msgspec.json.encode(sent)) == sent
