"""Raises the limit of open files and connections when a process starts.

A viewer of the dashboard needs several of them. Shells start programs with a low limit (256 on
macOS), which each program may raise up to the administrator's limit.
"""

from __future__ import annotations

from contextlib import suppress

_FILES_WANTED = 65_536
# macOS refuses more than this, even if its limit is "unlimited".
_MACOS_MOST = 10_240


def raise_limit() -> None:
    """Raise the limit of open files as far as is allowed and useful; child processes inherit it.

    If the system refuses, the limit does not change.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (_FILES_WANTED, _MACOS_MOST):
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return
