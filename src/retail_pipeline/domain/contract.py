"""The record contract: one schema file, whence limits, MongoDB's validator and the docs."""

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
# What MongoDB checks at each insert. Bounds were checked on the way, twice; a third time would cost
# 2 microseconds a row.
_BSON_KEYWORDS = ("bsonType", "enum")


@dataclass(frozen=True)
class Contract:
    """One version of the schema of a transaction, as its file in ``schemas/`` has it."""

    schema: dict[str, Any]

    def limit(self, field: str, keyword: str) -> int:
        """Return the bound ``keyword`` (``maxLength``, ``minimum``, …) of ``field``."""
        return int(self.schema["properties"][field][keyword])

    def validator(self) -> dict[str, Any]:
        """Return the ``$jsonSchema`` that MongoDB holds stored transactions to."""
        fields = {**self.schema["properties"], **self.schema["enriched"]}
        return {
            "$jsonSchema": {
                "bsonType": "object",
                "title": f"{self.schema['title']} v{self.schema['version']}",
                "required": sorted([*self.schema["required"], *self.schema["enriched"]]),
                "properties": {name: _bson_rule(rule) for name, rule in fields.items()},
            }
        }

    def as_markdown(self) -> str:
        """Return the contract as a Markdown table, a field a line, for docs/record-contract.md."""
        lines = ["| field | in Kafka | in MongoDB | limits | meaning |", "|---|---|---|---|---|"]
        for name, rule in {**self.schema["properties"], **self.schema["enriched"]}.items():
            kinds = _words(rule.get("type", "added by the processor"))
            limits = [
                f"{word} {rule[word]}"
                for word in ("const", "minLength", "maxLength", "minimum", "maximum", "scale")
                if word in rule
            ]
            cells = (f"`{name}`", kinds, _words(rule["bsonType"]), ", ".join(limits))
            lines.append(f"| {' | '.join(cells)} | {rule['description']} |")
        return "\n".join(lines) + "\n"


def load_contract(version: int = SCHEMA_VERSION) -> Contract:
    """Read the contract's ``version`` from the package."""
    name = f"schemas/transaction.v{version}.json"
    text = resources.files("retail_pipeline").joinpath(name).read_text("utf-8")
    return Contract(json.loads(text))


def _bson_rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {word: rule[word] for word in _BSON_KEYWORDS if word in rule}


def _words(kind: str | list[str]) -> str:
    return kind if isinstance(kind, str) else " or ".join(kind)


CONTRACT = load_contract()
