"""A row as it is in quarantine, and a selection of such rows."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from retail_pipeline.domain.rejection import Reason, Stage


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A rejection in quarantine, and how often it was replayed.

    ``reason`` and ``stage`` may be any text: another release may have values of its own.
    """

    id: str
    source: str
    row: int
    name: str
    reason: str
    detail: str
    raw: str
    stage: str
    rejected_at: datetime
    quarantined_at: datetime
    encoding: str = "utf-8"
    truncated: bool = False
    claims: str | None = None
    replays: int = 0
    last_replayed_at: datetime | None = None

    @property
    def row_id(self) -> str:
        """The identity under which it is stored once it is corrected."""
        return self.claims or self.id


class Edit(msgspec.Struct, frozen=True, rename={"id": "_id"}):
    """A row of a listing of the quarantine; its ``raw`` may be edited."""

    id: str
    raw: str


@dataclass(frozen=True)
class QuarantineSelection:
    """Which rows in quarantine are selected; an empty condition does not restrict.

    ``source`` is a file's identity or name. ``since`` and ``until`` (excluded) are the moments at
    which rows came into quarantine.
    """

    ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    stage: Stage | None = None

    @property
    def everything(self) -> bool:
        """Whether it selects all rows."""
        return not any(getattr(self, part.name) for part in fields(self))
