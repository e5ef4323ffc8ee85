"""Clients of the servers, files and tools outside; each translates their errors."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# Without PyOpenSSL, pymongo uses Python's own ssl. To find that out it imports a module of its own
# that loads `cryptography` first: 8 MB and some 40 ms in every process. Here it finds out at once.
if find_spec("OpenSSL") is None:
    sys.modules["pymongo.pyopenssl_context"] = None  # type: ignore[assignment]
