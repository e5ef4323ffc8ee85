"""Broken rows for ``retail sample``: one kind for each way in which the contract refuses a row."""

from __future__ import annotations

import csv
from collections.abc import Callable

from retail_pipeline.domain.contract import DATASET_FIELDS
from retail_pipeline.domain.fields import DATE, DESCRIPTION, INVOICE, PRICE, PRODUCT, UNITS
from retail_pipeline.sample.catalogue import quoted

Breaker = Callable[[dict[str, str]], str]


def _with(field: str, text: str) -> Breaker:
    return lambda fields: _line(*{**fields, field: text}.values())


def _line(*values: str) -> str:
    return ",".join(map(quoted, values)) + "\n"


def _unclosed_quote(fields: dict[str, str]) -> str:
    plain = fields[DESCRIPTION].replace('"', "").replace(",", "")
    return ",".join({**fields, DESCRIPTION: '"' + plain}.values()) + "\n"


_KINDS: tuple[Breaker, ...] = (
    lambda fields: _line(*list(fields.values())[:5]),
    _with(UNITS, "six"),
    _unclosed_quote,
    _with(DATE, "2011-02-30 10:15:00"),
    _with(INVOICE, ""),
    _with(PRICE, "NaN"),
    lambda fields: _line(*fields.values(), "", "surplus"),
    _with(UNITS, "99999999999"),
    _with(DESCRIPTION, "LUNCH\x00BAG\x1b"),
    _with(PRODUCT, " "),
    _with(PRICE, "2,95"),
    _with(PRICE, "inf"),
    _with(UNITS, "1.5"),
    _with(DATE, "2011-06-31 25:61:00"),
    _with(DESCRIPTION, "VERY LONG NAME " * 100),
)
DIRT_KINDS = len(_KINDS)


def break_line(line: str, number: int) -> str:
    """Return ``line`` broken in one way; successive ``number`` go through all the ways.

    The result is one physical line, and the reason for refusing it is the same whatever the line.
    """
    [values] = csv.reader([line])
    return _KINDS[number % DIRT_KINDS](dict(zip(DATASET_FIELDS, values, strict=True)))
