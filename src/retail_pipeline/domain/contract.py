"""The record contract: the schema file is the source of the limits, the validator and the docs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

SCHEMA_VERSION = 1
DATASET_FIELDS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)


@dataclass(frozen=True)
class Contract:
    """One version of the schema of a transaction, from its file in ``schemas/``."""

    schema: dict[str, Any]

    def limit(self, field: str, keyword: str) -> int:
        """Return the bound ``keyword`` (``maxLength``, ``minimum``, …) of ``field``."""
        return int(self.schema["properties"][field][keyword])


def load_contract(version: int = SCHEMA_VERSION) -> Contract:
    """Read the contract's ``version`` from the package."""
    name = f"schemas/transaction.v{version}.json"
    text = resources.files("retail_pipeline").joinpath(name).read_text("utf-8")
    return Contract(json.loads(text))


CONTRACT = load_contract()
