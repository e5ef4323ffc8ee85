"""Each recipe in CONTRIBUTING.md is true: the files, folders and names that it names exist."""

from __future__ import annotations

import re
from pkgutil import resolve_name

import pytest

from tests.paths import ROOT

RECIPES = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("\n## Recipes\n")[2]
NAMED = sorted(set(re.findall(r"`([^`\n]+)`", RECIPES.partition("\n## ")[0])))


@pytest.mark.parametrize(
    "path", [name for name in NAMED if re.fullmatch(r"[\w.-]+[/.][^ ]*", name)]
)
def test_what_a_recipe_names_is_there(path: str) -> None:
    if path.startswith(("retail_pipeline.", "retail_devstack.")):
        resolve_name(path)
    else:
        assert (ROOT / path).exists(), path


def test_the_recipes_name_files_and_python_names() -> None:
    assert "src/retail_pipeline/bootstrap.py" in NAMED
    assert "retail_pipeline.cli.common.start" in NAMED
