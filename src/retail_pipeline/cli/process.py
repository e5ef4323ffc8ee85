"""``retail process``: the processor, until it is told to stop."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("process")(process)


def process(
    until_idle: float | None = typer.Option(
        None,
        min=0.1,
        metavar="SECONDS",
        help="Stop once no record came for so long and all summaries are up to date.",
    ),
) -> None:
    """Bring records from Kafka into MongoDB, until told to stop (SIGTERM or Ctrl-C).

    Any number of processors may run, up to the topic's partitions; each takes its share.

    Examples:

      retail process

      retail process --until-idle 5
    """
    from retail_pipeline.cli.common import start
    from retail_pipeline.cli.process_run import ProcessorRun
    from retail_pipeline.errors import TransientError

    settings, stop = start("processor")
    try:
        ProcessorRun(settings, stop, until_idle).run()
    except TransientError:
        # A stop while the broker is still awaited.
        if not stop.is_set():
            raise
