"""Broken rows for ``retail sample``: one kind for each way in which the contract refuses a row."""

from __future__ import annotations

import csv
from collections.abc import Callable

from retail_pipeline.sample.catalogue import quoted

Breaker = Callable[[list[str]], str]


def _with(position: int, text: str) -> Breaker:
    def broken(fields: list[str]) -> str:
        return _line([*fields[:position], text, *fields[position + 1 :]])

    return broken


def _line(fields: list[str]) -> str:
    return ",".join(map(quoted, fields)) + "\n"


def _unclosed_quote(fields: list[str]) -> str:
    plain = fields[2].replace('"', "").replace(",", "")
    return ",".join([*fields[:2], '"' + plain, *fields[3:]]) + "\n"


_KINDS: tuple[Breaker, ...] = (
    lambda fields: _line(fields[:5]),
    _with(3, "six"),
    _unclosed_quote,
    _with(4, "2011-02-30 10:15:00"),
    _with(0, ""),
    _with(5, "NaN"),
    lambda fields: _line([*fields, "", "surplus"]),
    _with(3, "99999999999"),
    _with(2, "LUNCH\x00BAG\x1b"),
    _with(1, " "),
    _with(5, "2,95"),
    _with(5, "inf"),
    _with(3, "1.5"),
    _with(4, "2011-06-31 25:61:00"),
    _with(2, "VERY LONG NAME " * 100),
)
DIRT_KINDS = len(_KINDS)


def break_line(line: str, number: int) -> str:
    """Return ``line`` broken in one way; successive ``number`` go through all the ways.

    The result is one physical line, and the reason for refusing it is the same whatever the line.
    """
    return _KINDS[number % DIRT_KINDS](next(csv.reader([line])))
