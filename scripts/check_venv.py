"""Exit status 0 if .venv is whole: its own Python runs this, and it was made in this folder.

A folder that was renamed, or a Python that was removed or upgraded, leaves an environment whose
scripts don't run; a file that says that it was installed once can't know of that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import retail_pipeline

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv"


def is_whole() -> bool:
    """Tell whether interpreter, scripts and package belong to this folder."""
    script = (ENVIRONMENT / "bin" / "retail").read_bytes()
    return (
        Path(sys.prefix).resolve() == ENVIRONMENT.resolve()
        and os.fsencode(ENVIRONMENT / "bin" / "python") in script
        and ROOT / "src" in Path(retail_pipeline.__file__).resolve().parents
    )


if __name__ == "__main__":
    sys.exit(not is_whole())
