"""The schema file, the struct, MongoDB's validator and the documentation say the same."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from retail_pipeline.adapters.mongo.schema import validator
from retail_pipeline.adapters.mongo.store import as_documents
from retail_pipeline.domain.contract import (
    CONTRACT,
    DATASET_FIELDS,
    SCHEMA_VERSION,
    load_contract,
)
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.domain.parsing import RowParser
from retail_pipeline.domain.rejection import Reason
from retail_pipeline.domain.transaction import Kind, Transaction
from tests.paths import ROOT

DOCUMENT = (ROOT / "docs" / "record-contract.md").read_text("utf-8")
PROPERTIES: dict[str, dict[str, Any]] = CONTRACT.schema["properties"]
ENRICHED: dict[str, dict[str, Any]] = CONTRACT.schema["enriched"]
STRUCT = msgspec.json.schema(Transaction)["$defs"]["Transaction"]
LIMITS = ("minLength", "maxLength", "minimum", "maximum", "format")
ROW = ["536365", "85123A", "HOLDER", "6", "2010-12-01 08:26:00", "2.55", "", ""]
TRANSACTION = RowParser("0123456789abcdef", DateOrder.MONTH_FIRST).parse(2, ROW)


def struct_rule(name: str) -> tuple[set[str], dict[str, Any]]:
    """Return what the struct says of a field: its JSON types, and its limits."""
    rule = STRUCT["properties"][name]
    options = rule.get("anyOf", [rule])
    limits = {word: option[word] for option in options for word in LIMITS if word in option}
    return {option["type"] for option in options}, limits


def test_the_struct_has_the_fields_of_the_schema_and_no_other() -> None:
    assert set(PROPERTIES) == set(Transaction.__struct_fields__)


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_struct_has_the_types_and_limits_of_the_schema(name: str) -> None:
    rule = PROPERTIES[name]
    kinds, limits = struct_rule(name)
    assert kinds == set([rule["type"]] if isinstance(rule["type"], str) else rule["type"])
    expected = {word: rule[word] for word in LIMITS if word in rule}
    if "const" in rule:
        expected |= {"minimum": rule["const"], "maximum": rule["const"]}
    if name == "UnitPrice":  # decimal text, whose bounds the parser and MongoDB check
        expected = {}
    assert limits == expected


def test_a_price_on_the_wire_has_no_more_digits_than_the_schema_allows() -> None:
    pattern = STRUCT["properties"]["UnitPrice"]["pattern"]
    rule = PROPERTIES["UnitPrice"]
    for text in (str(rule["minimum"]), str(rule["maximum"]), "0." + "1" * rule["scale"]):
        assert re.search(pattern, text)
    assert not re.search(pattern, "0." + "1" * (rule["scale"] + 1))


def test_what_the_schema_requires_the_struct_requires_or_writes_by_itself() -> None:
    required = set(CONTRACT.schema["required"])
    assert set(STRUCT["required"]) == required - {"schema_version"}
    written = msgspec.json.decode(msgspec.json.encode(TRANSACTION))
    assert required <= set(written) and written["schema_version"] == SCHEMA_VERSION


@pytest.mark.parametrize("name", PROPERTIES)
def test_what_may_be_null_is_what_may_be_missing(name: str) -> None:
    nullable = "null" in PROPERTIES[name]["type"]
    assert nullable == ("null" in PROPERTIES[name]["bsonType"])
    assert nullable == (name not in CONTRACT.schema["required"])


def test_the_fields_of_the_dataset_are_all_in_the_contract() -> None:
    assert set(DATASET_FIELDS) < set(PROPERTIES)


def test_a_stored_document_has_the_fields_of_the_validator_and_no_other() -> None:
    [stored] = as_documents([TRANSACTION], TRANSACTION.ingested_at)
    rules = validator()["$jsonSchema"]
    assert set(stored) == set(rules["properties"]) == set(PROPERTIES) | set(ENRICHED)
    assert set(rules["required"]) == set(CONTRACT.schema["required"]) | set(ENRICHED)


@pytest.mark.parametrize("name", [*PROPERTIES, *ENRICHED])
def test_the_validator_has_the_types_and_choices_of_the_schema(name: str) -> None:
    rule = {**PROPERTIES, **ENRICHED}[name]
    kept = ("bsonType", "enum")
    assert validator()["$jsonSchema"]["properties"][name] == {
        word: rule[word] for word in kept if word in rule
    }


def test_the_kinds_are_those_of_the_schema() -> None:
    assert ENRICHED["kind"]["enum"] == [kind.value for kind in Kind]


def test_the_schema_file_says_which_version_it_is() -> None:
    assert CONTRACT.schema["version"] == SCHEMA_VERSION == PROPERTIES["schema_version"]["const"]
    assert CONTRACT.schema["$id"] == f"transaction.v{SCHEMA_VERSION}"


def test_a_version_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(FileNotFoundError):
        load_contract(999)


def test_the_documentation_explains_every_reason_for_quarantine_and_no_other() -> None:
    explained = re.findall(r"^\| `([a-z_]+)` \|", DOCUMENT.partition("quarantine\n")[2], re.M)
    assert explained == [reason.value for reason in Reason]
