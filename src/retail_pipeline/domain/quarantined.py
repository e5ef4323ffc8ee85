"""A row in quarantine as it is found there, and which of them are meant."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import msgspec

from retail_pipeline.domain.rejection import Reason, Stage


class Quarantined(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """A rejection in quarantine, and how often it was replayed.

    ``reason`` and ``stage`` are any text: another release may have some that this one does not
    know.
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
        """The identity under which it is stored once it is mended."""
        return self.claims or self.id


class Edit(msgspec.Struct, frozen=True, rename={"id": "_id"}):
    """A row of a listing of the quarantine, its ``raw`` edited or not."""

    id: str
    raw: str


@dataclass(frozen=True)
class Selection:
    """Which rows in quarantine are meant; what is not said does not restrict.

    ``source`` is a file's identity or name; ``since`` and ``until`` are when rows came into
    quarantine, the latter excluded.
    """

    ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    stage: Stage | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing restricts it."""
        return not any(getattr(self, part.name) for part in fields(self))
