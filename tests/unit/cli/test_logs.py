"""Log lines are text for people or JSON for programs, whoever writes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

SECRET = "a-row-of-a-customer"
# Lines of every kind, and no command around them.
PROGRAM = f"""
import logging, sys, threading
from structlog.contextvars import bound_contextvars
from retail_pipeline import logs
from retail_pipeline.cli import failures

logs.configure("INFO", sys.argv[1])
failures.prepare()
log = logging.getLogger("producer")
log.info("%s: %d rows", "a\\udce9.csv", 3, extra={{"rows": 3}})
with bound_contextvars(source="ab12", offsets={{"topic-0": 5, "topic-1": 7}}):
    log.warning("Kafka is away")
def fail():
    row = "{SECRET}"
    raise KeyError("column")
try:
    fail()
except KeyError:
    log.error("unexpected", exc_info=True)
logging.getLogger("uvicorn.error").info("up", extra={{"color_message": "\\x1b[1mup"}})
thread = threading.Thread(target=fail, name="warm-up")
thread.start()
thread.join()
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def run(*command: str, status: int = 0, cwd: Path | None = None, **variables: str) -> list[str]:
    """Run Python far from UTC with ``command``; return the lines of its standard error."""
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "TZ": "Pacific/Auckland", **variables},
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status and done.stdout == "", done.stderr
    return done.stderr.splitlines()


def as_json(*command: str, status: int = 0, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*command, status=status, **options)]


def test_text_has_the_time_the_level_the_text_and_what_holds_for_the_block() -> None:
    first, second, third, *_ = run("-c", PROGRAM, "text")
    assert re.fullmatch(STAMP + r"Z INFO    a\\udce9.csv: 3 rows", first)
    assert re.fullmatch(
        STAMP + "Z WARNING Kafka is away offsets=topic-0:5,topic-1:7 source=ab12", second
    )
    assert re.fullmatch(STAMP + "Z ERROR   unexpected", third)


def test_json_has_a_line_for_each_event_with_its_facts_as_fields() -> None:
    counted, away, unexpected, of_library, of_thread = as_json("-c", PROGRAM, "json")
    assert list(counted) == ["timestamp", "level", "logger", "event", "run_id", "rows"]
    assert (counted["level"], counted["logger"], counted["rows"]) == ("info", "producer", 3)
    assert counted["event"] == "a\udce9.csv: 3 rows"
    assert re.fullmatch(STAMP + r"\.\d{6}Z", counted["timestamp"])
    assert (away["source"], away["offsets"]) == ("ab12", {"topic-0": 5, "topic-1": 7})
    assert "source" not in unexpected and "KeyError" in unexpected["exception"]
    assert (of_library["logger"], of_library["event"]) == ("uvicorn.error", "up")
    assert "color_message" not in of_library
    assert of_thread["level"] == "error" and of_thread["event"].startswith("warm-up: unexpected")


def test_every_line_of_a_process_has_its_run_id_and_the_next_process_has_another() -> None:
    runs = [{line["run_id"] for line in as_json("-c", PROGRAM, "json")} for _ in range(2)]
    assert all(len(ids) == 1 for ids in runs) and runs[0] != runs[1]


def test_the_time_is_utc_in_both_forms() -> None:
    # The machine's own time is half a day later.
    now = subprocess.run(["date", "-u", "+%Y-%m-%dT%H"], capture_output=True, text=True).stdout
    hours = {run("-c", PROGRAM, "text")[0][:13], run("-c", PROGRAM, "json")[0][15:28]}
    later = subprocess.run(["date", "-u", "+%Y-%m-%dT%H"], capture_output=True, text=True).stdout
    assert hours <= {now.strip(), later.strip()}


def test_a_traceback_shows_no_value_of_a_variable() -> None:
    for form in ("text", "json"):
        lines = "\n".join(run("-c", PROGRAM, form))
        assert "KeyError" in lines and SECRET not in lines.replace(f'row = "{SECRET}"', "")


def test_an_error_that_ends_a_command_is_one_line_of_json_too(tmp_path: Path) -> None:
    variables = {"LOG_FORMAT": "json", "LOG_LEVEL": "LOUD"}
    [line] = as_json("-m", "retail_pipeline", "process", status=2, cwd=tmp_path, **variables)
    assert line["event"].startswith("LOG_LEVEL: ") and line["level"] == "error"
    [line] = as_json(
        "-m", "retail_pipeline", "--debug", "process", status=2, cwd=tmp_path, **variables
    )
    assert line["exception"].startswith("Traceback")


def test_lines_of_the_dashboards_server_have_the_form_of_the_others() -> None:
    program = (
        "import logging\n"
        "from retail_pipeline import logs\n"
        "logs.configure('INFO', 'json')\n"
        "from retail_pipeline.dashboard.server import log_uvicorn_with_ours, log_with_ours\n"
        "log_with_ours()\n"
        "from uvicorn import Config\n"
        "Config('app').configure_logging()\n"
        "log_uvicorn_with_ours()\n"
        "logging.getLogger('uvicorn.error').info('started')\n"
        "from streamlit.logger import get_logger\n"
        "get_logger('streamlit.known').warning('a page failed')\n"
        "logging.getLogger('uvicorn.error').warning('the port is taken')\n"
    )
    lines = as_json("-c", program)
    assert [line["event"] for line in lines] == ["a page failed", "the port is taken"]


def test_short_commands_do_not_load_the_library_for_logs() -> None:
    program = "import sys, retail_pipeline.cli.app; sys.exit('structlog' in sys.modules)"
    assert run("-c", program) == []
