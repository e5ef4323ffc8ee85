"""Log lines on standard error: text for people, or JSON, one object a line, for programs.

A module logs with the standard library: ``log.info("%d rows sent", 5, extra={"rows": 5})``. Both
forms have the text; JSON also has ``extra``, as fields. What holds for every line of a block, such
as the source that is being sent, is bound by ``structlog.contextvars.bound_contextvars``; both
forms have it.

No line has a row's content or a secret: fields are names of files and topics, and numbers.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

if TYPE_CHECKING:
    from structlog.dev import ColumnFormatter
    from structlog.typing import EventDict, Processor, WrappedLogger

Form = Literal["text", "json"]
# One for each start of a process. Container and process id can be the same after a restart.
RUN_ID = uuid4().hex[:12]
_VARIABLE = "LOG_FORMAT"
_CLIENT_LIBRARIES = ("kafka", "pymongo")
_form: Form | None = None


def configure(level: str, form: Form) -> None:
    """Log to standard error, in UTC; show the client libraries' log only at the level DEBUG.

    A failure in a client library is raised as an error and reported once by the command.
    """
    global _form
    _form = form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(form))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(form == "json")
    show_client_logs(level == "DEBUG")


def show_client_logs(shown: bool) -> None:
    """Show the warnings and errors of the client libraries, or none of their lines."""
    for library in _CLIENT_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING if shown else logging.CRITICAL)


def say(
    text: str, level: int = logging.INFO, *, prefix: str = "", error: BaseException | None = None
) -> None:
    """Write ``text`` as a line that needs no set-up: with ``prefix``, or as JSON with ``level``.

    The traceback of ``error`` precedes the text, or is a field of the JSON.
    """
    if _is_json():
        if _form is None:
            configure("INFO", "json")
        logging.getLogger("retail").log(level, "%s", text, exc_info=error)
        return
    if error:
        traceback.print_exception(error)
    print(f"{prefix}{text}", file=sys.stderr, flush=True)


def _is_json() -> bool:
    """Return whether lines are JSON: the settings, which may be wrong, need not be read yet."""
    return (_form or os.environ.get(_VARIABLE)) == "json"


def _formatter(form: Form) -> logging.Formatter:
    # The import takes a tenth of a second, which short commands save.
    from structlog.contextvars import merge_contextvars
    from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
    from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

    before: list[Processor] = [add_log_level, merge_contextvars]
    after: list[Processor] = [ProcessorFormatter.remove_processors_meta]
    if form == "text":
        # Without ``extra``, whose facts are in the text.
        after += [TimeStamper("%Y-%m-%dT%H:%M:%SZ", utc=True), _text_renderer()]
    else:
        before += [add_logger_name, ExtraAdder()]
        # The renderer escapes what is not ASCII: a file's name may be no valid Unicode.
        after += [TimeStamper("iso", utc=True), format_exc_info, _arranged, JSONRenderer()]
    return ProcessorFormatter(foreign_pre_chain=before, processors=after)


def _text_renderer() -> Processor:
    from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter, plain_traceback

    def plain(show: Callable[[object], str] = str, key: str | None = None) -> ColumnFormatter:
        return KeyValueColumnFormatter(key, "", "", show)

    columns = [
        Column("timestamp", plain()),
        Column("level", plain(lambda level: f"{level:<7}".upper())),
        Column("event", plain()),
        Column("", plain(_in_words, key="")),
    ]
    # The default traceback shows local variables, and those have rows.
    return ConsoleRenderer(columns=columns, exception_formatter=plain_traceback)


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{key}:{each}" for key, each in value.items())
    return str(value)


def _arranged(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the fields that every line has before the others, and add the run's id."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger", "event")}
    event.pop("color_message", None)  # uvicorn's text once more, with codes for colours
    return {**first, "run_id": RUN_ID, **event}
