"""``retail produce``: streams files of transactions into Kafka."""

from __future__ import annotations

from pathlib import Path

import typer

from retail_pipeline.adapters.sources.registry import SUPPORTED
from retail_pipeline.domain.dates import DateOrder
from retail_pipeline.errors import TransientError, UsageError


def produce(
    files: list[str] = typer.Argument(
        None, help=f"Files ({', '.join(SUPPORTED)}), folders of them, or quoted globs."
    ),
    watch: Path | None = typer.Option(
        None, metavar="FOLDER", help="Keep running: stream each file that appears in FOLDER."
    ),
    sample_if_empty: bool = typer.Option(
        False,
        help="With --watch: stream the made-up sample if FOLDER has no file at the start and"
        " nothing was ever streamed; the first file replaces it. In development only.",
    ),
    yes: bool = typer.Option(False, help="Replace the made-up sample without a question."),
    rate: float | None = typer.Option(
        None, min=0.001, help="Send at most this many rows per second."
    ),
    speed: float | None = typer.Option(
        None, min=0.001, help="Replay by the rows' dates: 3600 sends an hour's rows in a second."
    ),
    loop: bool = typer.Option(
        False, help="Repeat the files until a stop; each pass counts as a new source."
    ),
    again: bool = typer.Option(False, help="Send acknowledged rows again; no row is stored twice."),
    encoding: str | None = typer.Option(
        None, help="The files' encoding, such as iso-8859-1. [default: detected]"
    ),
    date_order: DateOrder | None = typer.Option(
        None, help="Which comes first in dates such as 1/12/2010. [default: detected]"
    ),
    give_up_after: float = typer.Option(
        300.0, min=0, metavar="SECONDS", help="Fail if Kafka acknowledges no row for this time."
    ),
) -> None:
    """Stream transactions from files into Kafka, one record for each row.

    The command checks every file before it sends anything. A row that breaks the record contract
    goes to quarantine with its reason; the other rows are sent. Checkpoints record what Kafka
    acknowledged: a restart resumes there, and a file that was sent is not sent again.

    Other data replaces the made-up sample. On a terminal the command asks before it does; without
    a terminal it needs --yes.

    Examples:

      retail produce online_retail.xlsx

      retail produce 'exports/*.csv.gz' --rate 500

      retail produce day.csv --speed 3600 --date-order day-first

      retail produce --watch data --sample-if-empty
    """
    from retail_pipeline.adapters.sources.files import find_files
    from retail_pipeline.cli.common import start
    from retail_pipeline.cli.produce.run import ProducerRun
    from retail_pipeline.flows.source import ReadOptions
    from retail_pipeline.flows.throttle import Throttle
    from retail_pipeline.settings import expand_user

    if not files and not watch:
        raise UsageError("nothing to stream: name files, or a folder with --watch")
    if loop and watch:
        raise UsageError("--loop and --watch can't be used together: a watch never ends")
    if encoding:
        _check_encoding(encoding)
    folder = expand_user(watch) if watch else None
    # A wrong name is reported before the connection to Kafka.
    find_files(files or [])
    settings, stop = start("producer")
    run = ProducerRun(
        settings,
        stop,
        ReadOptions(encoding, date_order),
        Throttle(stop, rate, speed),
        again=again,
        yes=yes or sample_if_empty,
        give_up_after_s=give_up_after,
    )
    try:
        if folder:
            run.watch(folder, files or [], sample_if_empty)
        else:
            run.files(files or [], loop)
    except TransientError:
        # It was stopped while it waited for Kafka.
        if not stop.is_set():
            raise


def _check_encoding(name: str) -> None:
    """Refuse an encoding that doesn't exist or is no superset of ASCII.

    Raises:
        UsageError: it can't be used.
    """
    printable = bytes(range(32, 127))
    try:
        fits = printable.decode(name) == printable.decode("ascii")
    except LookupError:
        raise UsageError(f"--encoding {name}: there is no such encoding") from None
    except UnicodeError:
        fits = False
    if not fits:
        raise UsageError(f"--encoding {name}: delimited text can't be read in it: save it as UTF-8")
