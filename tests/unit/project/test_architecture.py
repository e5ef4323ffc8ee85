"""The code keeps its shape. That imports point one way is import-linter's to check: `make lint`."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from retail_pipeline.domain.contract import DATASET_FIELDS
from tests.paths import ROOT

SRC = ROOT / "src"
PACKAGES = [SRC / "retail_pipeline", SRC / "retail_devstack"]
MODULES = sorted(module for package in PACKAGES for module in package.rglob("*.py"))
DOMAIN = sorted((SRC / "retail_pipeline" / "domain").glob("*.py"))
# Servers, their libraries and formats, formats of files, shell commands. Topics, partitions,
# offsets and collections are terms of the domain.
FOREIGN = re.compile(
    r"kafka|zookeeper|mongo|bson|csv|xlsx|workbook|spreadsheet|parquet|gzip|json ?lines|jsonl"
    r"|docker|streamlit|\b(retail (local|produce|process|reconcile|dlq|setup|sample)|make \w+:)\b",
    re.IGNORECASE,
)
# Parts of the result of a reconciliation, as others read it.
KEPT = re.compile(r"\bin_(kafka|mongodb)\b")
# The fields of the dataset, but for Country, which is a word of its own.
FIELDS = {*DATASET_FIELDS, "TotalAmount"} - {"Country"}
# How many modules spell them: never raised.
MODULES_THAT_SPELL_FIELDS = 6


def name_of(module: Path) -> str:
    return module.relative_to(SRC).as_posix()


def test_the_contributors_guide_names_each_package() -> None:
    guide = (SRC.parent / "CONTRIBUTING.md").read_text("utf-8")
    packages = {module.parent for module in MODULES if module.name == "__init__.py"}
    for package in packages - {SRC / "retail_pipeline"}:
        if package.parent == SRC / "retail_pipeline" or package.parent == SRC:
            assert f"| `{package.relative_to(SRC.parent).as_posix()}` |" in guide, package.name


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_importing_a_module_connects_to_nothing(module: Path) -> None:
    makers = {"KafkaProducer", "KafkaConsumer", "KafkaAdminClient", "MongoClient", "connect"}
    for statement in ast.parse(module.read_text("utf-8")).body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr, ast.With)):
            called = {
                ast.unparse(node.func).rpartition(".")[2]
                for node in ast.walk(statement)
                if isinstance(node, ast.Call)
            }
            assert not called & makers, f"{name_of(module)} connects when it is imported"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_public_name_says_what_it_is(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    if tree.body:
        assert ast.get_docstring(tree), "the module has no docstring"
    for node in tree.body:
        if isinstance(node, documented) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("module", DOMAIN, ids=name_of)
def test_the_domain_names_no_server_file_format_or_command(module: Path) -> None:
    lines = enumerate(module.read_text("utf-8").splitlines(), 1)
    found = [f"{number}: {line}" for number, line in lines if FOREIGN.search(KEPT.sub("", line))]
    assert not found, "\n".join(found)


def spelled(module: Path) -> set[str]:
    """Return the fields that are named in strings, as keywords or by definition.

    An attribute of a transaction is not: its type is checked.
    """
    tree = ast.parse(module.read_text("utf-8"))
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    words = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in docstrings:
            # The driver's errors describe a topology.
            words |= set(re.findall(r"(?<!Topology )\b\w+", str(node.value)))
        elif isinstance(node, ast.keyword) and node.arg:
            words.add(node.arg)
        elif isinstance(node, ast.AnnAssign):
            words.add(ast.unparse(node.target))
    return words & FIELDS


def test_the_datasets_fields_are_spelled_in_few_modules() -> None:
    shown = (SRC / "retail_pipeline" / "dashboard", SRC / "retail_pipeline" / "cli")
    found = {
        name_of(module): fields
        for module in MODULES
        if not any(module.is_relative_to(folder) for folder in shown)
        and (fields := spelled(module))
    }
    assert len(found) <= MODULES_THAT_SPELL_FIELDS, found


def test_no_module_shadows_a_library() -> None:
    shadows = {"kafka", "pymongo", "streamlit", "pandas", "msgspec", "rich", "typer"}
    # A script in src/ is started with src/ first on the path, and no other folder.
    for module in SRC.iterdir():
        assert module.stem not in shadows or module.suffix not in ("", ".py"), name_of(module)


def test_nothing_is_left_for_later() -> None:
    for module in MODULES:
        for word in ("TODO", "FIXME", "XXX"):
            assert word not in module.read_text("utf-8"), f"{name_of(module)} has a {word}"
