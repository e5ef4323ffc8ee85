"""How a monitor prints its reports."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
