"""The documentation names every command and option, and nothing that isn't there."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from retail_pipeline.cli.app import app
from tests.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")])
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def script(name: str) -> ModuleType:
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKE_DOCS = script("make_docs")
COMMANDS: dict[str, Any] = dict(MAKE_DOCS.commands(typer.main.get_command(app)))


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the commands in a page's bash blocks, without their comments."""
    for block in re.findall(r"```bash\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        yield from (line.partition(" #")[0].strip() for line in block.splitlines() if line.strip())


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_documented_and_says_what_it_does(path: str) -> None:
    section = COMMANDS_PAGE.partition(f"\n## {path}\n")[2].partition("\n## ")[0]
    assert section, f"docs/commands.md has no {path}: run make docs"
    assert COMMANDS[path].help, f"{path} has no help"
    for item in MAKE_DOCS.options(COMMANDS[path]):
        assert item.help, f"{item.name} of {path} has no help"
        if item.param_type_name == "option":
            for name in (*item.opts, *item.secondary_opts):
                assert re.search(rf"`{re.escape(name)}[ `]", section), f"{path} {name}"


def test_what_follows_from_the_code_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert MAKE_DOCS.main(["--check"]) == 0, capsys.readouterr().out


def test_a_page_that_is_out_of_date_is_named_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    contract = (ROOT / "docs" / "record-contract.md").read_text("utf-8")
    (docs / "record-contract.md").write_text(contract.replace("maxLength 64", "maxLength 65"))
    monkeypatch.setattr(MAKE_DOCS, "DOCS", docs)
    assert MAKE_DOCS.main(["--check"]) == 1
    assert capsys.readouterr().out.count("is out of date: make docs") == 3
    assert MAKE_DOCS.main([]) == 0
    assert (docs / "record-contract.md").read_text("utf-8") == contract
    assert (docs / "commands.md").read_text("utf-8") == COMMANDS_PAGE
    assert MAKE_DOCS.main(["--force"]) == 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    for line in shell_lines(page):
        words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"'))
        if words[0] == "retail":
            path = "retail"
            while len(words) > 1 and f"{path} {words[1]}" in COMMANDS:
                path += f" {words.pop(1)}"
            known = {name for item in COMMANDS[path].params for name in item.opts}
            known |= {name for item in COMMANDS[path].params for name in item.secondary_opts}
            assert path != "retail", line
            assert {word for word in words[1:] if word.startswith("-")} <= known, line
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:.*##", MAKEFILE, re.MULTILINE), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} is not there"
        if anchor:
            assert anchor in anchors(target), f"{link} has no such heading"


def anchors(page: Path) -> set[str]:
    """Return the names under which a page's headings can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_make_target_says_what_it_does_and_is_listed() -> None:
    targets = re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)
    phony = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    assert sorted(targets) == sorted(phony)
    for target in targets:
        assert re.search(rf"^{target}:.*## \w", MAKEFILE, re.MULTILINE), target


def test_every_decision_says_context_decision_and_consequences() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]}: ")
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences"], page.name


def test_the_libraries_that_the_code_imports_are_its_direct_dependencies() -> None:
    direct = "".join(
        (ROOT / name).read_text("utf-8") for name in ("requirements.in", "requirements-local.in")
    )
    named = set(re.findall(r"^([a-z][a-z0-9-]*)", direct, re.MULTILINE))
    other_names = {
        **{"kafka": "kafka-python", "bson": "pymongo", "pydantic": "pydantic-settings"},
        "dotenv": "python-dotenv",
    }
    imported = {other_names.get(name, name.replace("_", "-")) for name in third_party_imports()}
    assert imported <= named


def third_party_imports() -> set[str]:
    """Return the libraries that the package imports, by the names of their modules."""
    found = set()
    for module in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"retail_pipeline", "retail_devstack"}
