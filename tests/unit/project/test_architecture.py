"""The code keeps its shape. That imports point one way is import-linter's to check: `make lint`."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.paths import ROOT

SRC = ROOT / "src"
PACKAGES = [SRC / "retail_pipeline", SRC / "retail_devstack"]
MODULES = sorted(module for package in PACKAGES for module in package.rglob("*.py"))


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


def test_no_module_shadows_a_library() -> None:
    shadows = {"kafka", "pymongo", "streamlit", "pandas", "msgspec", "rich", "typer"}
    # A script in src/ is started with src/ first on the path, and no other folder.
    for module in SRC.iterdir():
        assert module.stem not in shadows or module.suffix not in ("", ".py"), name_of(module)


def test_nothing_is_left_for_later() -> None:
    for module in MODULES:
        for word in ("TODO", "FIXME", "XXX"):
            assert word not in module.read_text("utf-8"), f"{name_of(module)} has a {word}"
