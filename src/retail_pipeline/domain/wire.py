"""Decodes records, or rejects them with a reason.

A record of another release is decoded like any other: unknown fields are ignored, missing optional
fields get their defaults, and an unknown ``schema_version`` goes to quarantine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from retail_pipeline.domain.contract import CONTRACT, SCHEMA_VERSION
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.probe import Probe, ReceivedProbe
from retail_pipeline.domain.rejection import LAST_ROW, LONGEST_SOURCE, Reason, Rejection, Stage
from retail_pipeline.domain.transaction import Transaction, row_id, split_row_id

# JSON may escape a character to six: a raw text of this length still fits into a record.
_LONGEST_RAW = 128 * 1024
# An error may quote the text of a record.
_LONGEST_DETAIL = 1_000
# msgspec also raises two of Python's errors: for a string that is not UTF-8, and for a thousand
# nested brackets.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# The header of a replayed record: its identity in quarantine.
REPLAY = "replay"
# The reserved header of a probe; its value has no meaning yet.
PROBE = "probe"
Record = TypeVar("Record", Transaction, Rejection, Manifest)

TRANSACTION = msgspec.json.Decoder(Transaction)
REJECTION = msgspec.json.Decoder(Rejection)
MANIFEST = msgspec.json.Decoder(Manifest)
_PROBE = msgspec.json.Decoder(Probe)


class Message(Protocol):
    """One record from the broker; the client library's records have these attributes."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...


@dataclass(frozen=True)
class Refusal:
    """A transaction that the database's validator refused, and its reason."""

    transaction: Transaction
    detail: str


class _Place(msgspec.Struct):
    """The row that an unusable record says it is; a dead letter names it in ``claims``."""

    source: Annotated[
        str, msgspec.Meta(min_length=1, max_length=CONTRACT.limit("source", "maxLength"))
    ]
    row: Annotated[
        int, msgspec.Meta(ge=CONTRACT.limit("row", "minimum"), le=CONTRACT.limit("row", "maximum"))
    ]
    claims: str | None = None


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_VERSION


_PLACE = msgspec.json.Decoder(_Place)
_VERSION = msgspec.json.Decoder(_Version)


class Decoded(NamedTuple, Generic[Record]):
    """Each message is a usable record, the rejection of one that is not, or a probe."""

    records: list[Record]
    rejections: list[Rejection]
    probes: list[ReceivedProbe]


def decode(messages: Iterable[Message], decoder: msgspec.json.Decoder[Record]) -> Decoded[Record]:
    """Return the usable records, rejections of the others, and the probes; never raises."""
    good: list[Record] = []
    bad: list[Rejection] = []
    probes: list[ReceivedProbe] = []
    read = decoder.decode
    for message in messages:
        try:
            good.append(read(message.value or b""))
        except UNDECODABLE as error:
            # Only here, so that a row costs no check of its headers: no probe can be decoded.
            if probe := _probe_in(message):
                probes.append(probe)
            else:
                bad.append(_unusable(message, error))
    return Decoded(good, bad, probes)


def replays(messages: Iterable[Message]) -> dict[str, str]:
    """Return the id in quarantine of each usable replayed transaction, by the transaction's id."""
    found: dict[str, str] = {}
    # Only a replayed record has a second header, and to read the names of all costs too much.
    for message in [message for message in messages if len(message.headers) > 1]:
        if identity := _replayed(message):
            try:
                found[TRANSACTION.decode(message.value or b"").id] = identity
            except UNDECODABLE:
                continue
    return found


def refused(refusal: Refusal, replayed: str | None = None) -> Rejection:
    """Return the rejection of a transaction that the store refused.

    One that was in quarantine as ``replayed`` keeps that identity.
    """
    transaction = refusal.transaction
    source, row = split_row_id(replayed or transaction.id)
    return Rejection(
        source=source,
        row=row,
        name=source,
        reason=Reason.REFUSED_BY_STORE,
        detail=refusal.detail[:_LONGEST_DETAIL],
        raw=msgspec.json.encode(transaction).decode(),
        stage=Stage.PROCESSOR,
        rejected_at=datetime.now(UTC),
        claims=transaction.id if replayed not in (None, transaction.id) else None,
    )


def _unusable(message: Message, error: Exception) -> Rejection:
    """Return the rejection of a record that can't be read or breaks the contract.

    Its identity is its place in its topic: its own fields are not reliable.
    """
    value = message.value or b""
    try:
        raw, encoding = value.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        raw, encoding = value.decode("latin-1"), "latin-1"
    place = row_id(f"{message.topic}-{message.partition}", message.offset)
    source, row = split_row_id(_replayed(message) or place)
    return Rejection(
        source=source,
        row=row,
        name=message.topic,
        reason=reason_of(value, error),
        detail=str(error)[:_LONGEST_DETAIL],
        raw=raw[:_LONGEST_RAW],
        stage=Stage.PROCESSOR,
        rejected_at=datetime.now(UTC),
        encoding=encoding,
        truncated=len(raw) > _LONGEST_RAW,
        claims=_claims(value),
    )


def reason_of(value: bytes, error: Exception) -> Reason:
    """Return why a record can't be decoded: it is no JSON, of another release, or broken.

    The version decides, even if another field failed first.
    """
    if not isinstance(error, msgspec.ValidationError):
        return Reason.UNREADABLE_RECORD
    try:
        other = _VERSION.decode(value).schema_version != SCHEMA_VERSION
    except UNDECODABLE:
        other = "$.schema_version" in str(error)
    return Reason.UNKNOWN_VERSION if other else Reason.BROKEN_CONTRACT


def _claims(value: bytes) -> str | None:
    try:
        place = _PLACE.decode(value)
        if place.claims:
            return _identity(place.claims)
    except (*UNDECODABLE, ValueError):
        return None
    return row_id(place.source, place.row)


def _probe_in(message: Message) -> ReceivedProbe | None:
    """Return the probe in a record that has the header and the form of one.

    A broken row with that header is still rejected: a header alone makes no record disappear.
    """
    if all(name != PROBE for name, _ in message.headers):
        return None
    try:
        probe = _PROBE.decode(message.value or b"").probe
    except UNDECODABLE:
        return None
    return ReceivedProbe(probe, message.partition, message.offset)


def _replayed(message: Message) -> str | None:
    """Return the identity in quarantine from a record's header, if it is valid."""
    for name, value in message.headers:
        if name == REPLAY:
            try:
                return _identity((value or b"").decode())
            except ValueError:
                return None
    return None


def _identity(text: str) -> str:
    """Return ``text``, which another program chose, if a rejection can carry it.

    A longer one would not fit into the dead-letter topic, and would stop every processor.

    Raises:
        ValueError: no row has such an identity.
    """
    source, row = split_row_id(text)
    if len(source) > LONGEST_SOURCE or row > LAST_ROW:
        raise ValueError("no row has so long an identity")
    return text
