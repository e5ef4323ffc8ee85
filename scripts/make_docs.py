#!/usr/bin/env python3
"""Writes the parts of docs/ that follow from the code: the commands, the metrics and the contract's
table.

usage: scripts/make_docs.py [--check]

With --check it writes nothing, names each page that is out of date, and exits with 1 if one is.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from retail_pipeline.cli.app import app
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.operations.metrics import CATALOGUE

DOCS = Path(__file__).parents[1] / "docs"
INTRODUCTION = """# Commands

`make docs` writes this page from the commands; `retail COMMAND --help` prints the same texts.
Unless a command says otherwise, the exit status is 0 for success, 1 for a failure that needs
another try or the operator, and 2 if the command line, a setting or a file is wrong and nothing
was changed.
"""
METRICS_INTRODUCTION = """\
# Metrics

`make docs` writes this page from `src/retail_pipeline/operations/metrics.py`.

The exporter (`retail metrics`) reads the running pipeline with the functions of `retail monitor`,
and serves the figures at port 9464. The producer, the processors and the dashboard serve their own
metrics if `METRICS_PORT` is set; each updates them at most once a batch. All listen on 127.0.0.1,
unless `METRICS_ADDRESS` is set. Each process also exports the standard metrics of Prometheus'
client, such as `process_cpu_seconds_total` and `process_resident_memory_bytes`.

What can't be read is absent, or NaN if it has no labels; it is never 0. `retail_observation_up` is
then 0 for that part.
"""
# What typer adds to every program.
NOT_OURS = {"--help", "--install-completion", "--show-completion"}


def commands(command: Any, path: str = "retail") -> Iterator[tuple[str, Any]]:
    """Yield each command with its full name, in the order of ``retail --help``."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


def options(command: Any) -> list[Any]:
    """Return a command's arguments and options, without those that every one has."""
    return [item for item in command.params if not NOT_OURS & set(item.opts)]


def value_word(kind: Any) -> str:
    """Return what stands for an option's value."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return r"\|".join(str(choice.value) for choice in kind)
    return "N" if kind in (int, float) else "TEXT"


def spelling(item: Any) -> str:
    """Return how an argument or option is written on the command line."""
    if item.param_type_name == "argument":
        return f"`{(item.metavar or item.name).upper()}`"
    value = (
        "" if item.is_flag else f" {item.metavar or value_word(item.type_descriptor.annotation)}"
    )
    return ", ".join(f"`{name}{value}`" for name in [*item.opts, *item.secondary_opts])


def default(item: Any) -> str:
    """Return the default as it would be typed, or nothing."""
    if item.param_type_name == "option" and item.secondary_opts:
        return f"`{(item.opts if item.default else item.secondary_opts)[0]}`"
    _, _, explained = (item.help or "").partition(" [default: ")
    if item.default in (None, False, (), []) or callable(item.default):
        return explained.rstrip("]")
    return f"`{getattr(item.default, 'value', item.default)}`"


def described(path: str, command: Any) -> str:
    """Return one command's section."""
    text, _, examples = inspect.cleandoc(command.help or "").partition("\n\nExamples:\n")
    parts = [f"## {path}", text]
    if hasattr(command, "commands"):
        names = [
            f"- [`{path} {name}`](#{f'{path} {name}'.replace(' ', '-')})"
            for name in command.commands
        ]
        parts.append("\n".join(names))
    table = [
        f"| {spelling(item)} | {default(item)} | {(item.help or '').partition(' [default')[0]} |"
        for item in options(command)
    ]
    if table:
        parts.append("\n".join(["| | default | |", "|---|---|---|", *table]))
    if examples:
        lines = [line.strip() for line in examples.splitlines() if line.strip()]
        parts.append("\n".join(["```bash", *lines, "```"]))
    return "\n\n".join(parts) + "\n"


def commands_page() -> str:
    """Return docs/commands.md."""
    sections = [described(*found) for found in commands(typer.main.get_command(app))]
    return "\n".join([INTRODUCTION, *sections])


def words(kind: str | list[str]) -> str:
    """Return the type, or the types, of a field."""
    return kind if isinstance(kind, str) else " or ".join(kind)


def contract_table() -> str:
    """Return the record contract as a table, a field a line."""
    lines = ["| field | in Kafka | in MongoDB | limits | meaning |", "|---|---|---|---|---|"]
    for name, rule in {**CONTRACT.schema["properties"], **CONTRACT.schema["enriched"]}.items():
        limits = [
            f"{word} {rule[word]}"
            for word in ("const", "minLength", "maxLength", "minimum", "maximum", "scale")
            if word in rule
        ]
        kinds = words(rule.get("type", "added by the processor")), words(rule["bsonType"])
        cells = (f"`{name}`", *kinds, ", ".join(limits), rule["description"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def contract_page(page: str) -> str:
    """Return docs/record-contract.md with the table that the schema gives."""
    before, heading, rest = page.partition("## Fields\n\n")
    _, following, after = rest.partition("\n## ")
    return before + heading + contract_table() + following + after


def metrics_page() -> str:
    """Return docs/metrics.md."""
    parts = [METRICS_INTRODUCTION]
    for process, metrics in CATALOGUE.items():
        lines = ["| metric | type | unit | labels | meaning |", "|---|---|---|---|---|"]
        for each in metrics:
            labels = ", ".join(f"`{label}`" for label in each.labels)
            kind = type(each).__name__.lower()
            lines.append(f"| `{each.name}` | {kind} | {each.unit} | {labels} | {each.help} |")
        parts.append(f"## The {process}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    contract = DOCS / "record-contract.md"
    pages = {
        DOCS / "commands.md": commands_page(),
        DOCS / "metrics.md": metrics_page(),
        contract: contract_page(contract.read_text("utf-8")),
    }
    stale = [
        path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    for path in stale:
        print(
            path.relative_to(DOCS.parent), "is out of date: make docs" if arguments else "written"
        )
        if not arguments:
            path.write_text(pages[path], "utf-8", newline="\n")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
