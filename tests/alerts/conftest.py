"""Tests of the alerts: ``python -m pytest tests/alerts``.

They need promtool and Alertmanager (Debian's packages ``prometheus`` and
``prometheus-alertmanager``), so that the tests that everybody runs leave them out.
"""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect this folder only when it is asked for."""
    here = Path(__file__).parent
    asked = (Path(argument.partition("::")[0]).absolute() for argument in config.args)
    return None if any(here in (path, *path.parents) for path in asked) else True
