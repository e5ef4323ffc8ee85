"""The image holds requirements.txt and no more: the commands that it runs must do with that."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.paths import ROOT


def pinned(name: str) -> set[str]:
    """The distributions that a requirements file pins."""
    lines = (ROOT / name).read_text().splitlines()
    return {re.split(r"[=\[ ]", line)[0].lower() for line in lines if re.match(r"[a-z]", line)}


def left_out() -> list[str]:
    """The modules of what is only installed outside the image."""
    extra = pinned("requirements-dev.txt") - pinned("requirements.txt")
    return sorted(
        module
        for module, distributions in packages_distributions().items()
        if {each.lower().replace("_", "-") for each in distributions} <= extra
    )


@pytest.mark.parametrize("module", ["retail_pipeline.cli.app", "retail_pipeline.dashboard.app"])
def test_it_starts_without_the_local_stacks_packages(module: str) -> None:
    block = f"import sys; sys.modules.update(dict.fromkeys({left_out()!r})); import {module}"
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_left_out_is_found() -> None:
    assert {"platformdirs", "pytest"} <= set(left_out())
