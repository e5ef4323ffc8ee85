"""Settings that all unit tests share."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no time limit: a busy machine is no failure.
settings.register_profile("retail", derandomize=True, deadline=None, database=None)
settings.load_profile("retail")
