"""How good the data is: the ledger as the last reconciliations have it, and what lines lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from retail_pipeline.analytics.tables import GUEST, Dictionaries
from retail_pipeline.domain.days import date_of_number
from retail_pipeline.domain.reconciliation import Mode, Reconciliation, SourceAccount


@dataclass(frozen=True)
class Account:
    """One source's account, and its stored rows by kind if a full reconciliation counted them."""

    account: SourceAccount
    kinds: dict[str, int]

    @property
    def accounted(self) -> int:
        """Rows that are in one of the three states."""
        return self.account.stored + self.account.quarantined + self.account.purged

    @property
    def missing(self) -> int | None:
        """Rows read that are nowhere; below zero where more are stored than were read."""
        return None if self.account.read is None else self.account.read - self.accounted


def latest(results: Sequence[Reconciliation]) -> Reconciliation | None:
    """Return the result of the last reconciliation, whatever its mode; None before the first."""
    return max(results, key=lambda result: result.at, default=None)


def ledger(results: Sequence[Reconciliation]) -> list[Account]:
    """Return each source's account as of the last reconciliation.

    Only a full one counts by kind: its counts are given where as many rows are stored still.
    """
    last = latest(results)
    if last is None:
        return []
    full = next((each for each in results if each.mode is Mode.FULL), None)
    by_source = {each.source: each for each in full.sources} if full else {}
    return [Account(each, _kinds(each, by_source.get(each.source))) for each in last.sources]


def _kinds(account: SourceAccount, full: SourceAccount | None) -> dict[str, int]:
    same = full is not None and full.stored == account.stored
    return dict(full.kinds) if full is not None and same else {}


def lacking(orders: pd.DataFrame, dictionaries: Dictionaries) -> tuple[int, int, int]:
    """Return how many lines there are, how many without a customer, and without a country."""
    lines = orders["lines"].to_numpy()
    guests = orders["customer"].to_numpy() == GUEST
    nowhere = np.isin(orders["country"], dictionaries.countries.known([None]))
    return int(lines.sum()), int(lines[guests].sum()), int(lines[nowhere].sum())


def by_day(duplicates: pd.DataFrame) -> dict[date, int]:
    """Return how many exact duplicate lines each day has: the second and later of equal lines.

    ``duplicates`` are rows of the duplicates' table, whose sums are below zero. Days without any
    are left out.
    """
    lines = -duplicates.groupby("day")["lines"].sum()
    days = lines.index.to_numpy().tolist()
    return {
        date_of_number(day): count for day, count in zip(days, lines.tolist(), strict=True) if count
    }
