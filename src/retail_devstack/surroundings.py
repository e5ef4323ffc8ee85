"""The environment variables of the processes that the stack starts.

Servers get a fixed environment: the locale, Java options or a preloaded library of the user's shell
could prevent their start. The pipeline's own processes get the user's environment, except variables
that would disturb connections within the stack.
"""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from functools import cache

_KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP")
_UTF8_LOCALES = ("C.UTF-8", "en_US.UTF-8")
_OURSELVES = ("127.0.0.1", "localhost", "::1")


def server_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server: ``extra`` and little else, the same on every machine."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # The locale decides how Java reads paths, which may hold any letters.
    return {**kept, "LC_ALL": _utf8_locale(), "TZ": "UTC", **(extra or {})}


def service_env() -> dict[str, str]:
    """Return the environment of a process of the pipeline."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    # Leave out the settings of the user's other Streamlit programs.
    env = {name: value for name, value in env.items() if not name.startswith("STREAMLIT_")}
    env |= {"STREAMLIT_SERVER_BASE_URL_PATH": "", "STREAMLIT_SERVER_SSL_CERT_FILE": ""}
    others = env.get("no_proxy") or env.get("NO_PROXY") or ""
    direct = others if others.strip() == "*" else ",".join(filter(None, (others, *_OURSELVES)))
    return {**env, "no_proxy": direct, "NO_PROXY": direct}


@cache
def _utf8_locale() -> str:
    """Return a locale with UTF-8 that this machine has."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in _UTF8_LOCALES:
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C"
