"""Stops a processor that rejects too much: a broken release must not reject a whole topic."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.errors import PermanentError


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Second:
    """The records of one second: the window has one entry a second, however many batches."""

    at: datetime
    records: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass
class DeadLetterLimit:
    """Counts records and rejections over a sliding window of ``window_s`` seconds.

    The processor stops when all processors have rejected more than ``rows`` records within the
    window, and this one more than ``share`` (0 to 1) of its own. ``rows`` = 0 means no limit.
    """

    rows: int = 0
    share: float = 0.2
    window_s: float = 300.0
    clock: Callable[[], datetime] = _now

    def __post_init__(self) -> None:
        self._seconds: deque[_Second] = deque()
        # Two batches are written at a time.
        self._turn = Lock()

    @property
    def begins(self) -> datetime:
        """The first moment of the window."""
        return self.clock() - timedelta(seconds=self.window_s)

    def count(self, records: int, rejections: Sequence[Rejection], already: int = 0) -> None:
        """Count a batch of ``records`` before its ``rejections`` are sent.

        ``already`` is how many rejections of the window are in quarantine, whichever processor
        made them. Some of this one's are among them: the larger number is compared, not the sum.

        Raises:
            PermanentError: both limits are exceeded; the text names the counts and the reason.
        """
        if not self.rows:
            return
        with self._turn:
            self._forget()
            second = self._present()
            second.records += records
            second.reasons.update(rejection.reason.value for rejection in rejections)
            if rejections:
                self._evaluate(already + len(rejections))

    def _evaluate(self, quarantined: int) -> None:
        seen = sum(second.records for second in self._seconds)
        reasons: Counter[str] = Counter()
        for second in self._seconds:
            reasons.update(second.reasons)
        rejected = reasons.total()
        if max(rejected, quarantined) <= self.rows or rejected <= self.share * seen:
            return
        reason, times = reasons.most_common(1)[0]
        earlier = f" ({quarantined:,} with earlier ones)" if quarantined > rejected else ""
        raise PermanentError(
            f"dead-letter limit: {rejected:,} of {seen:,} records{earlier} within"
            f" {self.window_s:.0f} s can't be used, mostly {reason} ({times:,}); of the last batch"
            " none is sent to the dead-letter topic, and no offset is committed. Fix the program"
            " that writes them, deploy a release that reads them, or raise DEAD_LETTER_LIMIT_ROWS"
            " (0 = no limit) or DEAD_LETTER_LIMIT_SHARE"
        )

    def _present(self) -> _Second:
        now = self.clock()
        if not self._seconds or now - self._seconds[-1].at >= timedelta(seconds=1):
            self._seconds.append(_Second(now))
        return self._seconds[-1]

    def _forget(self) -> None:
        begins = self.begins
        while self._seconds and self._seconds[0].at < begins:
            self._seconds.popleft()
