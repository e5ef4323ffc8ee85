"""Money in millionths of a pound, as MongoDB works it out and as it arrives."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bson import Decimal128

from retail_pipeline.adapters.mongo.client import Document

_MILLION = Decimal(1_000_000)


def in_micros(amount: Any) -> Document:
    """Return the expression of money in millionths; of more than 64 bits it comes as it is."""
    whole = {"$multiply": [amount, 1_000_000]}
    return {"$convert": {"input": whole, "to": "long", "onError": amount}}


def whole(amounts: list[Any]) -> list[Any]:
    """Turn what money has come as it is into whole numbers too."""
    if not any(isinstance(each, Decimal128) for each in amounts):
        return amounts
    return [
        int(each.to_decimal() * _MILLION) if isinstance(each, Decimal128) else each
        for each in amounts
    ]
