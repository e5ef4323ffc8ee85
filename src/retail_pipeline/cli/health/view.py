"""How the result of the health check is printed: for people, or as JSON."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from retail_pipeline.operations.health import COULD_NOT_RUN, Health, Result, Status

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}


def print_text(health: Health, verbose: bool) -> None:
    """Print a line for each check, the command that repairs it, and the summary."""
    console = Console(highlight=False, soft_wrap=True)
    for each in health.results:
        console.print(_line(each))
        if verbose:
            for line in each.lines:
                console.print(Text(f"{'':24}{line}"))
        if each.command:
            console.print(Text(f"{'':24}-> {typed(each.command)}"))
    if verbose:
        for check, reason in health.not_applicable.items():
            console.print(Text(f"{'-':8}{check:14}  {reason}"))
    console.print(Text(health.summary))


def _line(each: Result) -> Text:
    status = Text(f"{each.status:8}", style=_COLOURS.get(each.status, "magenta"))
    return status.append(f"{each.id:13}", style="default").append(
        f"{each.ms:>6,} ms  {each.detail}", style="not bold default"
    )


def as_json(health: Health) -> str:
    """Return the result as JSON."""
    fields = {
        "status": health.state,
        "exit_status": health.exit_status,
        "summary": health.summary,
        "at": health.at,
        "checks": [
            msgspec.structs.replace(each, command=typed(each.command) if each.command else None)
            for each in health.results
        ],
        "not_applicable": health.not_applicable,
    }
    return msgspec.json.format(msgspec.json.encode(fields)).decode()


def error_as_json(text: str) -> str:
    """Return, as JSON, why the health check could not run."""
    fields = {"status": "could not run", "exit_status": COULD_NOT_RUN, "error": text}
    return msgspec.json.format(msgspec.json.encode(fields)).decode()


def typed(command: str) -> str:
    """Return ``command`` as the user types it here, where ``retail`` may not be on the path."""
    if shutil.which("retail"):
        return command
    own = Path(sys.argv[0]).absolute()
    program = str(own) if own.stem == "retail" else f"{sys.executable} -m retail_pipeline"
    quoted = shlex.quote(program) if own.stem == "retail" else program
    return re.sub(r"(^|&& |; )retail ", lambda found: f"{found[1]}{quoted} ", command)
