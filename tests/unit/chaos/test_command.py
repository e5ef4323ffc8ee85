"""The fault harness's command line."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from chaos.run import main


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "kill,flood"], "flood: choose from kill, term"),
        (["--faults", ","], "name at least one"),
        (["--data", "absent.csv"], "absent.csv"),
        (["--rounds", "0"], "rounds"),
    ],
)
def test_a_mistake_ends_with_status_2_before_anything_is_started(
    arguments: list[str], words: str
) -> None:
    app = typer.Typer()
    app.command()(main)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", " ").split())
