"""``retail produce``: files of transactions into Kafka."""

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
        None, metavar="FOLDER", help="Go on for ever: stream each file that appears in FOLDER."
    ),
    sample_if_empty: bool = typer.Option(
        False,
        help="With --watch: stream the made-up sample if FOLDER has no file at first and nothing"
        " was ever streamed; the first file replaces it. In development only.",
    ),
    yes: bool = typer.Option(False, help="Replace the made-up sample without a question."),
    rate: float | None = typer.Option(None, min=0.001, help="Send at most so many rows/s."),
    speed: float | None = typer.Option(
        None, min=0.001, help="Replay in event time: 3600 sends an hour's rows in a second."
    ),
    loop: bool = typer.Option(
        False, help="Start over at the end, for ever; each pass counts as a source of its own."
    ),
    again: bool = typer.Option(
        False, help="Send what was acknowledged before once more; no row is stored twice."
    ),
    encoding: str | None = typer.Option(
        None, help="The files' encoding, such as iso-8859-1, instead of detecting it."
    ),
    date_order: DateOrder | None = typer.Option(
        None, help="Which comes first in dates such as 1/12/2010, instead of detecting it."
    ),
    give_up_after: float = typer.Option(
        300.0, min=0, metavar="SECONDS", help="End with an error when no row gets through so long."
    ),
) -> None:
    """Stream transactions from files into Kafka, one record a row.

    Every file is looked through before anything is sent. A row that breaks the record contract
    goes to quarantine with its reason; the others go on. What is acknowledged is remembered: a
    restart resumes, and a file that was sent already is not sent again.

    Other data replaces the made-up sample: on a terminal the command asks before, elsewhere it
    needs --yes.

    Examples:

      retail produce online_retail.xlsx

      retail produce 'exports/*.csv.gz' --rate 500

      retail produce day.csv --speed 3600 --date-order day-first

      retail produce --watch data --sample-if-empty
    """
    from retail_pipeline.adapters.sources.files import find_files
    from retail_pipeline.cli.common import start
    from retail_pipeline.cli.produce.run import ProducerRun
    from retail_pipeline.flows.source import Reading
    from retail_pipeline.flows.throttle import Throttle
    from retail_pipeline.settings import expand_user

    if not files and not watch:
        raise UsageError("nothing to stream: name files, or a folder with --watch")
    if loop and watch:
        raise UsageError("--loop and --watch can't go together: a watch never ends")
    if encoding:
        _check_encoding(encoding)
    folder = expand_user(watch) if watch else None
    # A wrong name is reported before Kafka is looked for.
    find_files(files or [])
    settings, stop = start("producer")
    run = ProducerRun(
        settings,
        stop,
        Reading(encoding, date_order),
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
        # A stop while Kafka is still awaited.
        if not stop.is_set():
            raise


def _check_encoding(name: str) -> None:
    """Refuse an encoding that doesn't exist, or in which a delimiter or a digit is another byte.

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
