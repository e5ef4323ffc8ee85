"""Strategies for what may lie in Kafka: transactions within the contract, and bytes of any kind."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import strategies as st

from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.transaction import Transaction

_limit = CONTRACT.limit
# What a broker takes: a record with a little around it, in one mebibyte.
LARGEST_VALUE = 1_040_000

moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
)


def _text(field: str, smallest: int = 0) -> st.SearchStrategy[str]:
    return st.text(min_size=smallest, max_size=min(_limit(field, "maxLength"), 40))


transactions = st.builds(
    Transaction,
    source=_text("source", 1),
    row=st.integers(_limit("row", "minimum"), _limit("row", "maximum")),
    InvoiceNo=_text("InvoiceNo", 1),
    StockCode=_text("StockCode", 1),
    Quantity=st.integers(_limit("Quantity", "minimum"), _limit("Quantity", "maximum")),
    InvoiceDate=moments,
    UnitPrice=st.from_regex(
        r"-?[0-9]{1,8}(\.[0-9]{1,6})?", fullmatch=True, alphabet="-.0123456789"
    ),
    ingested_at=moments,
    Description=st.none() | _text("Description"),
    CustomerID=st.none() | _text("CustomerID"),
    Country=st.none() | _text("Country"),
)

any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=9)
    | st.sampled_from([2**63, 10**400, -1, "\x00", "$a.b", "9999-12-31T23:59:59-05:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
).map(lambda value: msgspec.json.encode(value) if not _huge(value) else b"1" * 400)
_damaged = st.builds(
    lambda record, at, damage: record[: at % len(record)] + damage + record[at % len(record) :],
    transactions.map(msgspec.json.encode),
    st.integers(0, 10_000),
    st.sampled_from(
        [b"\x00", b"\xed\xa0\x80", b"\\ud800", b'"', b"9" * 400, b"[" * 5_000, b"1e999"]
    )
    | st.binary(max_size=4),
)
_large = st.binary(min_size=1, max_size=6).map(lambda part: part * (LARGEST_VALUE // len(part)))
# An identity that another writer chose: of any length that fits into a record, or nearly one.
_lengths = st.sampled_from([1, 255, 256, 4_300, 600_000, LARGEST_VALUE - 50])
identities = st.builds(
    lambda letter, length, row: letter * (length // len(letter.encode())) + f":{row:09d}",
    st.sampled_from(["a", "é", '"', "\x01"]),
    _lengths,
    st.sampled_from([7, 10**12, 2**53, 10**30]),
) | st.builds(lambda length: "a:" + "9" * length, _lengths)
_claiming = st.builds(
    lambda claims: msgspec.json.encode({"source": "a", "row": 1, "claims": claims}),
    identities,
).filter(lambda value: len(value) <= LARGEST_VALUE)
values = st.binary(max_size=60) | any_json | _damaged | _large | _claiming
headers = st.lists(
    st.tuples(st.just("replay"), st.none() | st.binary(max_size=20) | identities.map(str.encode)),
    max_size=2,
)


def _huge(value: object) -> bool:
    """Whether msgspec can't write it: an integer beyond 64 bits somewhere."""
    if isinstance(value, int):
        return abs(value) >= 2**63
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_huge(each) for each in inner)
