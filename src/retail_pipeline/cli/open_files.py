"""How many files and connections a process may have open, raised when it starts.

A viewer of the dashboard takes a handful of them. Shells start programs with a low limit, 256 on
macOS, that each program may raise by itself up to the administrator's.
"""

from __future__ import annotations

from contextlib import suppress

_ENOUGH = 65_536
# macOS refuses more than this, also where its limit is "unlimited".
_MACOS_MOST = 10_240


def raise_limit() -> None:
    """Raise the limit on open files as far as is allowed and useful; child processes inherit it.

    Where the system refuses, the limit stays as it is.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_ENOUGH, _MACOS_MOST):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return
