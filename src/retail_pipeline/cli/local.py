"""``retail local``: the real servers on this machine, without Docker."""

from __future__ import annotations

import typer

app = typer.Typer(help="The real servers on this machine, without Docker.", no_args_is_help=True)


@app.callback()
def _local() -> None:
    pass
