"""``retail doctor``: what in the set-up of this machine prevents a stack from working."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from retail_pipeline.cli.health import HealthGroup

# Every `retail` imports this module: its command imports the rest.
if TYPE_CHECKING:
    from retail_devstack.doctor.compose import ComposeSettings, Docker
    from retail_devstack.home import Home
    from retail_pipeline.operations.health import Check, Finding

app = typer.Typer(cls=HealthGroup, invoke_without_command=True, subcommand_metavar="")
_LONGEST_S = 40.0


@app.callback()
def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Show the details of each check."),
    bundle: Path = typer.Option(
        None,
        metavar="FILE",
        help="Also write an archive (zip) for a bug report: findings, versions, settings, ends of"
        " the logs; without secrets and rows. Its manifest lists what is left out.",
    ),
) -> None:
    """Find out what in the set-up of this machine prevents a stack from working.

    It checks memory, disk, clock, ports, the data folder, proxy variables, settings, Docker, and
    the data of the stacks, whether or not anything runs. Each line is a check: its status (ok,
    warn, fail, unknown), its id, its milliseconds, what it found, and the command that repairs it.
    `retail health` checks a stack that runs.

    Exit status: 0 all is ok, 1 warnings, 2 something failed, 3 the doctor could not run.

    Examples:

      retail doctor

      retail doctor --verbose --bundle report.zip
    """
    from retail_devstack.doctor.compose import ComposeSettings, Docker
    from retail_devstack.home import Home, LocalSettings
    from retail_pipeline.cli import failures
    from retail_pipeline.cli.health import view
    from retail_pipeline.operations.health import COULD_NOT_RUN, run_checks
    from retail_pipeline.settings import loaded

    try:
        # Its checks need no downloads, and so no cache.
        home = Home(loaded(LocalSettings).retail_home.absolute(), Path())
        compose = loaded(ComposeSettings)
        docker = Docker(compose.compose_project_name)
        found = run_checks(checks(home, compose, docker), _LONGEST_S)
        if bundle:
            from retail_devstack.doctor.bundle import write

            lines = write(bundle, found, home, docker)
        if as_json:
            typer.echo(view.as_json(found))
        else:
            view.print_text(found, verbose)
        if bundle and not as_json:
            typer.echo(f"{bundle}: {len(lines)} files; look through it before you send it")
    except BrokenPipeError:
        raise
    except Exception as error:
        if as_json:
            typer.echo(view.error_as_json(failures.in_words(error)))
        failures.say(error)
        raise typer.Exit(COULD_NOT_RUN) from None
    raise typer.Exit(found.exit_status)


def checks(home: Home, compose: ComposeSettings, docker: Docker) -> list[Check]:
    """Return all checks, those of the machine first."""
    from retail_devstack.doctor import compose as in_compose
    from retail_devstack.doctor import local, machine
    from retail_pipeline.operations.health import Check

    found: dict[str, Callable[[], Finding]] = {
        "settings": machine.settings,
        "memory": machine.memory,
        "disk": partial(machine.disk, home, docker),
        "clock": machine.clock,
        "proxy": partial(machine.proxy, os.environ),
        "data": partial(machine.data, compose),
        "docker": partial(in_compose.docker, docker),
        "docker-memory": partial(in_compose.docker_memory, docker),
        "ports": partial(machine.ports, compose, docker),
        "compose-name": partial(in_compose.checkout, docker, Path.cwd()),
        "compose-kafka": partial(in_compose.kafka_volume, docker),
        "compose-users": partial(in_compose.passwords, docker),
        "local-folder": partial(local.folder, home),
        "local-cluster": partial(local.cluster, home),
        "local-node": partial(local.stale_node, home),
        "local-users": partial(local.password, home),
        "local-data": partial(local.other_processes, home),
    }
    return [Check(name, run) for name, run in found.items()]
