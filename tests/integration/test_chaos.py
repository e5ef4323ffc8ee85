"""A short round of the fault harness: every kind of fault, and not one document different.

`make chaos` runs longer ones.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.paths import ROOT

LONGEST_S = 500


@pytest.mark.integration
def test_no_fault_changes_a_document_or_a_total() -> None:
    arguments = ["--seed", "25", "--rows", "8000", "--count", "8", "--seconds", "10"]
    done = subprocess.run(
        [sys.executable, "-m", "chaos.run", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 rounds identical to the undisturbed run" in done.stdout
