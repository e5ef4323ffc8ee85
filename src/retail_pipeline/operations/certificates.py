"""Certificates of the servers that are reached with TLS, and how soon one has to be renewed."""

from __future__ import annotations

from datetime import datetime

import msgspec

# Time left, in seconds, below which a certificate should be renewed: two weeks.
RENEW_S = 1_209_600
# Below it there is no time to lose: two days.
RENEW_NOW_S = 172_800


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate of a server or in a file, by ``name``, and until when it is valid (UTC).

    ``expires_at`` is None if it can't be read; ``problem`` says why.
    """

    name: str
    expires_at: datetime | None = None
    problem: str | None = None

    def left_s(self, at: datetime) -> float | None:
        """Return the seconds from ``at`` until it expires; None if that is not known."""
        return (self.expires_at - at).total_seconds() if self.expires_at else None
