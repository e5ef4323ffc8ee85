"""``retail local``: the real servers on this machine, without Docker."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import webbrowser
from dataclasses import asdict
from typing import TYPE_CHECKING

import psutil
import typer
from rich.console import Console

from retail_devstack.home import ENOUGH_MEMORY, Home, check_disk
from retail_devstack.output import Say, open_standard_streams, progress, speaker
from retail_devstack.signals import Interrupted, interruptible, uninterruptible
from retail_pipeline.errors import PermanentError

# Every `retail` imports this module: what needs the client libraries is imported by its command.
if TYPE_CHECKING:
    from retail_devstack.session import Outcome, UpOptions
    from retail_devstack.stack import Stack

app = typer.Typer(help="The real servers on this machine, without Docker.", no_args_is_help=True)


@app.command()
def up(
    data: list[str] = typer.Option(
        [],
        "--data",
        metavar="PATH",
        help="File, folder or glob to stream; may be repeated. Without it: the data streamed last,"
        " or a made-up sample if the database never contained other data.",
    ),
    detach: bool = typer.Option(False, "--detach", "-d", help="Return, and leave all running."),
    dashboard: bool = typer.Option(True, help="Start the dashboard."),
    stream: bool = typer.Option(True, help="Stream data."),
    yes: bool = typer.Option(False, help="Replace the made-up sample without a question."),
    monitoring: bool = typer.Option(
        False,
        "--monitoring",
        help="Also start the exporter, and Prometheus and Alertmanager if they are installed.",
    ),
) -> None:
    """Start servers, processor and dashboard, and stream data through them.

    It runs until Ctrl-C, SIGTERM or the end of the terminal, and then stops everything; data is
    kept for the next start. Under `nohup` it also outlives the terminal. If the stack already
    runs, the command starts what is missing, streams the named data and leaves the stack running.
    Your own data replaces the made-up sample. On a terminal the command asks before it does;
    without a terminal it needs --yes.

    Examples:

        retail local up

        retail local up --data online_retail.csv

        retail local up --monitoring

        retail local up --detach --no-dashboard --data 'exports/*.csv.gz'
    """
    from retail_devstack.session import UpOptions, run

    stack = _stack()
    _warn_of_little_memory(stack.say)
    check_disk(stack.home.root, stack.say)
    options = UpOptions(data, stream, dashboard, detach, yes, monitoring)
    with interruptible(), progress() as show:
        try:
            status, farewell = run(stack, options, lambda found: _stay(stack, options, found, show))
        except Interrupted:
            status, farewell = 130, "Stopped before it was up."
    if farewell:
        stack.say(farewell)
    raise typer.Exit(status)


@app.command()
def down() -> None:
    """Stop everything in order; data is kept.

    The command first ends another command that is still starting the stack. It finds and stops
    all processes even if `stack.json` is damaged, the disk is full or the stack's folder is gone.

    Examples:

        retail local down
    """
    from retail_devstack.session import bring_down

    stack = _stack()
    with uninterruptible():
        killed = bring_down(stack)
    if killed is None:
        stack.say(f"Nothing is running in {stack.home.root}.")
    for part in killed or ():
        stack.say(f"{part} didn't stop in time and was killed.")
    if stack.damage:
        stack.say(f"Everything is stopped, but {stack.damage}.")


@app.command()
def status(
    as_json: bool = typer.Option(False, "--json", help="Print the status as JSON."),
) -> None:
    """Show what runs; the exit status is 1 if a needed part does not run.

    It names days that can't be summarised; the exit status is then 1 too.

    Examples:

        retail local status

        retail local status --json
    """
    from retail_devstack.status import as_table, parts

    stack = _stack()
    found = parts(stack)
    if as_json:
        print(json.dumps([asdict(part) for part in found], indent=2))
    else:
        Console().print(as_table(found))
        for problem in (part.problem for part in found if part.problem):
            Console().print(f"\n{problem}", markup=False, highlight=False, soft_wrap=True)
    stack.check()
    raise typer.Exit(0 if all(part.ok for part in found) else 1)


@app.command()
def wait(
    timeout: float = typer.Option(600, min=0, metavar="SECONDS", help="Longest time to wait."),
) -> None:
    """Wait until all sent rows are stored and summarised; exit status 1 if that is impossible.

    It does not wait for days that can't be summarised, but names them.

    Examples:

        retail local wait --timeout 300
    """
    from retail_devstack.waiting import wait as wait_until_stored

    stack = _stack()
    began = time.monotonic()
    with progress() as show:
        backlog = wait_until_stored(stack, timeout, show)
    stack.say(
        f"All is stored and summarised: {backlog.sent:,} records (rows, dead letters, manifests and"
        f" probes; {time.monotonic() - began:.1f} s waited)."
    )


@app.command()
def env() -> None:
    """Print the settings that connect a shell and your own programs to the stack.

    The other `retail` commands find the stack by themselves.

    Examples:

        eval "$(retail local env)"
    """
    from retail_devstack.environment import as_exports, stack_env

    stack = _stack()
    stack.check()
    if not stack.works():
        raise PermanentError(
            f"no stack is running in {stack.home.root}: `retail local up --detach` starts one"
        )
    print(as_exports(stack_env(stack)))


def _stack() -> Stack:
    from retail_devstack.stack import Stack

    open_standard_streams()
    return Stack(Home.from_environment(), speaker())


def _stay(stack: Stack, options: UpOptions, outcome: Outcome, show: Say) -> tuple[int, str]:
    """Follow the work until Ctrl-C or its end; return the exit status and the last message."""
    from retail_devstack.foreground import Follower

    follower = Follower(stack, stack.say, show, outcome.streams)
    try:
        _say_what_next(stack, outcome)
        if options.detach:
            return 0, ""
        follower.follow(until_stored=outcome.was_running)
        if stack.state.processes:
            farewell = "No part of the stack runs any more. Data is kept for the next start."
        else:
            farewell = "The stack was stopped by another command."
    except Interrupted:
        farewell = "Stopped. Data is kept for the next start."
    if outcome.was_running:
        farewell = "The stack keeps running; `retail local down` stops it."
    return int(follower.failed), farewell


def _say_what_next(stack: Stack, outcome: Outcome) -> None:
    if outcome.was_running:
        return
    retail = "retail" if shutil.which("retail") else sys.argv[0]
    lines = ["", "The pipeline is up."]
    if outcome.dashboard_url:
        lines.append(f"  Dashboard    {outcome.dashboard_url}")
    lines += [
        f"  Logs         {stack.home.root / 'logs'}",
        "Try next, in another terminal:",
        f"  {retail} local status            what runs, where, with how much memory",
        f"  {retail} local up --data FILE    stream a file of your own as well",
        f"  {retail} local wait              wait until all sent rows are stored and summarised",
        f"  {retail} reconcile               prove that no row was lost or doubled",
        f"  {retail} local down              stop everything; data is kept",
        "",
    ]
    stack.say("\n".join(lines))
    if outcome.dashboard_url:
        _open_browser(outcome.dashboard_url)


def _open_browser(url: str) -> None:
    has_display = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_display and sys.stdout.isatty():
        try:
            webbrowser.open(url)
        except webbrowser.Error:
            pass  # the address is printed


def _warn_of_little_memory(say: Say) -> None:
    free = psutil.virtual_memory().available
    if free < ENOUGH_MEMORY:
        say(f"Only {free / 1e6:,.0f} MB of memory are free; the stack takes about 1,500 MB.")
