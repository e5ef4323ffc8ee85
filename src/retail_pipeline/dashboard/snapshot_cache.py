"""The snapshot that the pages read: all summaries, cached once a process and kept fresh.

The rollups' entries are columns of numbers: a filter costs milliseconds and no query. Every second
or two, while a page is open, a thread asks MongoDB which days were summarised since and reads only
those. The pages meanwhile show the previous snapshot.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from datetime import time as time_of_day
from datetime import timedelta
from threading import Lock, Thread

import msgspec
import pandas as pd

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.reads.filters import MongoStatus
from retail_pipeline.adapters.mongo.reads.rollups import MongoRollupReads
from retail_pipeline.analytics.return_tables import returns_table
from retail_pipeline.analytics.snapshot import Snapshot
from retail_pipeline.analytics.tables import (
    Columns,
    Dictionaries,
    duplicates_table,
    orders_table,
    products_table,
    safe,
)
from retail_pipeline.domain.collections import (
    DUPLICATES_ROLLUP,
    ORDERS_ROLLUP,
    PRODUCTS_ROLLUP,
    RETURNS,
)
from retail_pipeline.domain.days import date_of_number, day_number
from retail_pipeline.domain.failed_days import FailedDay
from retail_pipeline.domain.figures import Status
from retail_pipeline.errors import AccessError, FiguresError, RetailError, TransientError

log = logging.getLogger(__name__)

# A younger snapshot is returned at once; for one older than the second, the caller waits.
_FRESH_SECONDS, _STALE_SECONDS = 1.0, 10.0
# While rows pour in, each refresh reads many days: the next one waits so many times its duration.
REST_FACTOR = 10
# Texts take far more room on their way than as numbers.
_DAYS_AT_ONCE = 60
_RETURNS_AT_ONCE = 5_000
# While MongoDB is busy, a write may become visible this long after its timestamp.
_LATE = timedelta(seconds=10)
# This often all returns are compared: a later write or a deletion is noticed too.
_SECONDS_BETWEEN_FULL_READS = 60.0
_SALE = "sale"
_EVER = datetime(1, 1, 1, tzinfo=UTC)

Make = Callable[[Sequence[Columns], Dictionaries], pd.DataFrame]
_MAKERS: dict[str, Make] = {
    ORDERS_ROLLUP: orders_table,
    PRODUCTS_ROLLUP: products_table,
    DUPLICATES_ROLLUP: duplicates_table,
}


@dataclass
class _Rollup:
    """One rollup's table, and when each of its days was summarised."""

    table: pd.DataFrame
    versions: dict[datetime, datetime] = field(default_factory=dict)
    # Days with another ROLLUP_VERSION; they are not loaded.
    outdated: set[datetime] = field(default_factory=set)
    # Days whose summaries can't be read; they are not loaded either.
    unreadable: dict[datetime, Exception] = field(default_factory=dict)

    def without(self, days: set[datetime]) -> _Rollup:
        """Return the rollup as if it had none of these days."""
        there = ~self.table["day"].isin([day_number(day.date()) for day in days])
        return _Rollup(
            self.table[there].reset_index(drop=True),
            {day: at for day, at in self.versions.items() if day not in days},
            self.outdated - days,
            {day: why for day, why in self.unreadable.items() if day not in days},
        )


class SnapshotCache:
    """Caches a database's snapshot; safe to use from many threads."""

    def __init__(
        self, entries: MongoRollupReads, status: MongoStatus, most_entries: int = 10_000_000
    ) -> None:
        """Cache up to ``most_entries`` entries of each rollup: those of the newest days."""
        self._entries = entries
        self._most = most_entries
        self._since = _EVER
        self._status_reads = status
        self._dictionaries = Dictionaries()
        self._rollups = {
            name: _Rollup(make([], self._dictionaries)) for name, make in _MAKERS.items()
        }
        self._returns = ReturnsCache(entries, self._dictionaries)
        self._names: dict[str, tuple[datetime, str]] = {}
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._failure: RetailError | None = None
        self._tried_at = float("-inf")
        self._took = 0.0
        self._version = 0
        self._changed = False

    def snapshot(self) -> Snapshot:
        """Return what is summarised, at most seconds old; a background thread refreshes it.

        The first caller waits for it, and so does the first one after a while without callers.

        Raises:
            RetailError: the last refresh failed; the next one is under way.
        """
        age = time.monotonic() - self._tried_at
        fresh = max(_FRESH_SECONDS, REST_FACTOR * self._took)
        stale = max(_STALE_SECONDS, 2 * fresh)
        if age > stale:
            with self._lock:
                if time.monotonic() - self._tried_at > stale:
                    self._update()
        elif age > fresh and self._lock.acquire(blocking=False):
            Thread(target=self._refresh_in_background, name="refresh", daemon=True).start()
        if self._failure is not None:
            raise self._failure
        if self._snapshot is None:
            raise AssertionError("a refresh ends with a snapshot or a failure")
        return self._snapshot

    def orders_of_products(self, codes: Sequence[str]) -> pd.DataFrame:
        """Return the orders' table of these products alone."""
        return safe(orders_table(self._entries.orders_of_products(codes), self._dictionaries))

    def _refresh_in_background(self) -> None:
        try:
            self._update()
        finally:
            self._lock.release()

    def _update(self) -> None:
        """Bring the snapshot up to date; the caller has the lock."""
        began = time.monotonic()
        try:
            # What changed before a read failed is still new at the next refresh.
            for name in _MAKERS:
                self._changed |= self._refresh(name)
            self._forget_older_days()
            self._changed |= self._returns.refresh()
            self._snapshot = self._current()
            self._changed = False
            self._failure = None
            self._took = time.monotonic() - began
        except RetailError as error:
            self._fail(error)
        except Exception as error:  # the viewers see it, instead of old figures
            self._fail(FiguresError(f"{type(error).__name__}: {error}"), error)
        finally:
            self._tried_at = time.monotonic()

    def _current(self) -> Snapshot:
        """Return the snapshot of what is loaded now."""
        outdated = set[datetime]().union(*(each.outdated for each in self._rollups.values()))
        status = self._with_unreadable(self._status_reads.status(outdated))
        self._version += self._changed or self._snapshot is None
        return Snapshot(
            orders=self._rollups[ORDERS_ROLLUP].table,
            products=self._rollups[PRODUCTS_ROLLUP].table,
            duplicates=self._rollups[DUPLICATES_ROLLUP].table,
            dictionaries=self._dictionaries,
            status=status,
            at=datetime.now(UTC),
            version=self._version,
            names={code: name for code, (_, name) in self._names.items()},
            returns=self._returns.table,
            since=None if self._since == _EVER else self._since.date(),
        )

    def _with_unreadable(self, status: Status) -> Status:
        """Return the status with the days that can't be read among those that failed."""
        failed, now = {each.day: each for each in status.failed_days}, datetime.now(UTC)
        for name, rollup in self._rollups.items():
            for day, error in rollup.unreadable.items():
                known = failed.get(day.date()) or FailedDay(
                    day=day.date(), reasons={}, since=now, attempts=1, next_at=now
                )
                why = f"figures can't be made of its summary ({type(error).__name__}: {error})"
                reasons = {name: why, **known.reasons}
                failed[day.date()] = msgspec.structs.replace(known, reasons=reasons)
        return replace(status, failed_days=tuple(failed[day] for day in sorted(failed)))

    def _fail(self, failure: RetailError, unexpected: Exception | None = None) -> None:
        """Keep why the refresh failed; log the traceback of an unexpected fault once."""
        if unexpected is not None and str(failure) != str(self._failure):
            log.error("The summaries can't be read", exc_info=unexpected)
        self._failure = failure
        self._took = 0.0  # no rest: MongoDB may be back at any moment

    def _refresh(self, name: str) -> bool:
        """Read the days summarised since the last refresh; return whether there were any."""
        rollup = self._rollups[name]
        found = self._entries.versions(name)
        versions = {day: at for day, at in found.items() if day >= self._since}
        changed = sorted(
            (day for day, at in versions.items() if rollup.versions.get(day) != at), reverse=True
        )
        touched = {*changed, *(day for day in rollup.versions if day not in versions)}
        if not touched:
            return False
        fresh = rollup.without(touched)
        tables = [fresh.table]
        for start in range(0, len(changed), _DAYS_AT_ONCE):
            days = changed[start : start + _DAYS_AT_ONCE]
            tables += self._read(name, days, fresh)
            newer = int((fresh.table["day"] >= day_number(days[-1].date())).sum())
            if newer + sum(map(len, tables[1:])) > self._most:
                break  # what is older still has no room
        table = pd.concat(tables, ignore_index=True)
        if fresh.unreadable and table.empty:
            raise next(iter(fresh.unreadable.values()))
        for day in touched & fresh.unreadable.keys():
            log.error(
                "%s of %s can't be read",
                *(name, day.date()),
                exc_info=fresh.unreadable[day],
                extra={"day": str(day.date())},
            )
        self._since = max(self._since, self._oldest_with_room(table))
        self._rollups[name] = replace(fresh, table=safe(table), versions=versions)
        return True

    def _read(self, name: str, days: Sequence[datetime], found: _Rollup) -> list[pd.DataFrame]:
        """Read days; return their tables, and note in ``found`` which days have none, and why.

        Where something is wrong with one of them, each is read by itself.
        """
        try:
            documents = list(self._entries.days(name, days))
            if name == PRODUCTS_ROLLUP:
                self._note_names(documents)
            table = _MAKERS[name](documents, self._dictionaries)
        except (TransientError, AccessError):
            raise
        except Exception as error:
            if len(days) > 1:
                return [table for day in days for table in self._read(name, [day], found)]
            found.unreadable[days[0]] = error
            return []
        found.outdated.update(set(days) - {each["day"] for each in documents})
        return [table]

    def _oldest_with_room(self, table: pd.DataFrame) -> datetime:
        """Return the first day of which, with all later days, the entries fit; _EVER if all do."""
        if len(table) <= self._most:
            return _EVER
        newest_first = table["day"].value_counts().sort_index(ascending=False).cumsum()
        last = newest_first.index[newest_first > self._most][0]
        return datetime.combine(date_of_number(last + 1), time_of_day(), UTC)

    def _forget_older_days(self) -> None:
        """Let all rollups begin with the same day, that of the one with the least room."""
        for name, rollup in self._rollups.items():
            if older := {day for day in rollup.versions if day < self._since}:
                self._rollups[name] = rollup.without(older)

    def _note_names(self, days: list[Document]) -> None:
        """Keep each product's description of the last day that it was sold on."""
        for each in days:
            at, names = each["day"], self._names
            for code, name, kind in zip(
                each["StockCode"], each["Description"], each["kind"], strict=True
            ):
                if name and kind == _SALE and (code not in names or names[code] < (at, name)):
                    names[code] = (at, name)


class ReturnsCache:
    """Caches the returns' table; the caller lets one thread at a time refresh it."""

    def __init__(self, entries: MongoRollupReads, dictionaries: Dictionaries) -> None:
        self._entries = entries
        self._dictionaries = dictionaries
        self._versions: dict[str, datetime] = {}
        self._compared_at = float("-inf")
        self.table: pd.DataFrame = returns_table([], dictionaries)

    def refresh(self) -> bool:
        """Read what was matched since the last refresh; return whether there was any.

        Raises:
            RetailError: MongoDB is away, or the user lacks the rights.
        """
        age = time.monotonic() - self._compared_at
        whole = age > _SECONDS_BETWEEN_FULL_READS or not self._versions
        since = datetime.min if whole else max(self._versions.values()) - _LATE
        found = self._entries.versions(RETURNS, since)
        changed = [line for line, at in found.items() if self._versions.get(line) != at]
        gone = [line for line in self._versions if line not in found] if whole else []
        if changed or gone:
            self._replace(changed, gone)
        for line in gone:
            del self._versions[line]
        self._versions.update(found)
        if whole:
            self._compared_at = time.monotonic()
        return bool(changed or gone)

    def _replace(self, changed: Sequence[str], gone: Sequence[str]) -> None:
        old = self._dictionaries.lines.of([*changed, *gone])
        tables = [self.table[~self.table["line"].isin(old)]]
        for start in range(0, len(changed), _RETURNS_AT_ONCE):
            read = self._entries.return_parts(changed[start : start + _RETURNS_AT_ONCE])
            tables.append(returns_table([read], self._dictionaries))
        table = pd.concat(tables, ignore_index=True)
        self.table = safe(safe(table), "sold_micros")
