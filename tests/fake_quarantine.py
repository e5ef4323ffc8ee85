"""A hand-written stand-in for the quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.quarantined import Quarantined, QuarantineSelection
from retail_pipeline.domain.rejection import Rejection
from tests.fakes import Faults

THEN = datetime(2026, 1, 2, tzinfo=UTC)


def quarantined(rejection: Rejection, **changes: Any) -> Quarantined:
    """Return a rejection as it is found in quarantine."""
    fields = msgspec.structs.asdict(rejection) | {"reason": rejection.reason.value}
    found = Quarantined(**fields, id=rejection.id, quarantined_at=THEN)
    return msgspec.structs.replace(found, **changes)


@dataclass
class FakeQuarantine:
    """Rows in memory; ``stored`` are the identities of stored rows."""

    faults: Faults = field(default_factory=Faults)
    rows: dict[str, Quarantined] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    tombstones: set[str] = field(default_factory=set)

    def put(self, *rows: Quarantined) -> None:
        """Add rows."""
        self.rows |= {row.id: row for row in rows}

    def find(
        self, selection: QuarantineSelection, limit: int | None = None
    ) -> Iterator[Quarantined]:
        found = [row for _, row in sorted(self.rows.items()) if _is_meant(row, selection)]
        yield from found[:limit]

    def manifest(self, source: str) -> Manifest | None:
        return self.manifests.get(source)

    def count_replays(self, ids: Sequence[str], run: str | None = None) -> None:
        self.faults.meet("count")
        for key in set(ids) & set(self.rows):
            row = self.rows[key]
            changes = {"replays": row.replays + 1, "last_replayed_at": datetime.now(UTC)}
            self.rows[key] = msgspec.structs.replace(row, **changes)
            if run:
                self.sent[key] = run

    def waiting(self, run: str) -> int:
        return sum(self.sent.get(key) == run for key in self.rows)

    def forget(self, ids: Sequence[str]) -> None:
        for key in ids:
            self.rows.pop(key, None)

    def purge(self, rows: Sequence[Quarantined]) -> int:
        gone = {row.row_id for row in rows} - self.stored
        self.tombstones |= gone
        self.forget([row.id for row in rows])
        return len(gone)


def _is_meant(row: Quarantined, selection: QuarantineSelection) -> bool:
    claimed = (row.claims or "").rpartition(":")[0]
    return (
        (not selection.ids or bool({row.id, row.claims} & set(selection.ids)))
        and (not selection.reasons or row.reason in selection.reasons)
        and (selection.source in (None, row.source, row.name, claimed))
        and (selection.since is None or row.quarantined_at >= selection.since)
        and (selection.until is None or row.quarantined_at < selection.until)
        and (selection.stage in (None, row.stage))
    )
