"""What Kafka, MongoDB, ETL and plain English have a word for has no other name here.

A banned word once had a private meaning; beside it is the term to use instead.
"""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT

# In any text: code, comments, docstrings, pages, names of tests (with spaces for underscores).
WORDS = {
    r"(a|each|every|first|full|last|next|no|one|quick|the|whole) look": "reconciliation, read",
    r"could not look": "reconciliation failed: ...",
    r"(full|quick|whole|last|the) looks": "reconciliations, count checks, reads",
    r"pulses?": "heartbeat",
    r"signs? of life": "heartbeat",
    r"(a|each|its|one|same|that|the|their|this) mark": "checksum, dirty day, threshold",
    r"the(ir)? marks": "checksums, dirty days, thresholds",
    r"held (returns?|summar(y|ies)|figures?|books?)": "cached",
    r"strays?": "misfiled document",
    r"diar(y|ies)": "log",
    r"mend(s|ed|ing|er|ers)?": "fix, repair, correct, parse again",
    r"drills?|drill(ed|ing) down": "read the details",
    r"judg(e|es|ed|ing)": "evaluate",
    r"lag before": "last known lag",
    r"told": "reported, assigned",
    r"said": "reported, printed, logged",
    r"heard": "received",
    r"owed": "pending",
    r"forth": "forward",
    r"anew": "again",
    r"whence": "where ... from",
    r"noughts?": "zero",
    r"lest": "so that ... not",
    r"end of time": "timestamps outside 1900-2100",
    r"knows? (the user|it) not|lets? it not": "authentication failed, or rights are missing",
}
# Parts of names in the code, as underscores and capitals divide them.
PARTS = {
    "look": "reconciliation, check, read",
    "looks": "checks, reads",
    "looked": "checked, read",
    "looking": "ReadProgress",
    "heard": "StoredHeartbeat, record",
    "held": "quarantined, cached",
    "stands": "DuplicateMode",
    "standing": "loaded_days, for_row",
    "book": "expected rollups, expected returns, tally",
    "books": "expected rollups, expected returns, tallies",
    "wishes": "options",
    "patience": "stop_after_stalled",
    "weather": "conditions",
    "storm": "fault run",
    "pace": "throttle",
}
# Whole names, where only one meaning of a good word was private.
NAMES = {
    "mark": "checksum, mark_dirty, threshold",
    "mark_of": "checksum_of, dirty_mark",
    "dead_marks": "dead_letter_checksums",
    "MARK": "THRESHOLD",
    "Evidence": "ReconciliationState",
    "Gap": "BucketDifference, MissingRange",
    "Numbers": "Dictionary",
    "Register": "Dictionaries",
    "Position": "PartitionOffsets",
    "_REST": "REST_FACTOR",
    "enter": "add",
    "HeartbeatRecord": "StoredHeartbeat",
    "LAYOUT": "ROLLUP_VERSION",
    "Log": "KafkaReader",
    "Records": "DatabaseReader",
    "RowOrigin": "DuplicateMode",
    "Summariser": "RollupWorker",
    "secure": "ensure_stack_users",
}
FOLDERS = ("src", "bench", "chaos", "scripts", "docs", "tests")
PAGES = ("README.md", "CONTRIBUTING.md", ".env.example", "Makefile", "docker-compose.yml")
SUFFIXES = {".py", ".md", ".sh", ".toml", ".json", ".yml"}
FILES = sorted(
    [ROOT / page for page in PAGES]
    + [
        file
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*")
        if file.suffix in SUFFIXES and file.name != Path(__file__).name
    ]
)
TEXT = re.compile(r"\b(" + "|".join(f"(?:{word})" for word in WORDS) + r")\b", re.IGNORECASE)
DIVIDED = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def names(source: str) -> Iterator[tuple[int, str]]:
    """Yield the names in a module's code, each with its line."""
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
            if (before, token.string) != ("pytest", "mark"):
                yield token.start[0], token.string
        if token.string != ".":
            before = token.string


def banned(file: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line with a banned word, the word and the line."""
    source = file.read_text("utf-8")
    lines = source.splitlines()
    for number, line in enumerate(lines, 1):
        spaced = re.sub(r"\btest_\w+", lambda name: name[0].replace("_", " "), line)
        for found in TEXT.finditer(spaced):
            yield number, found[0].lower(), line.strip()
    if file.suffix == ".py":
        for number, name in names(source):
            parts = {part.lower() for part in DIVIDED.findall(name)}
            if name in NAMES:
                yield number, name, lines[number - 1].strip()
            elif not name.startswith("test_"):
                for part in sorted(parts & PARTS.keys()):
                    yield number, part, lines[number - 1].strip()


def test_the_code_and_its_texts_are_written_in_plain_words() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word}: {where}"
        for file in FILES
        for number, word, where in banned(file)
    ]
    assert not found, "\n".join(found)
