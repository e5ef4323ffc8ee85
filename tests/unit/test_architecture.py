"""Imports point one way, and the code keeps its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
PACKAGE = SRC / "retail_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
CLIENTS = {"kafka", "pymongo", "bson", "streamlit", "pandas", "altair", "openpyxl", "typer", "rich"}
LONGEST_MODULE = 300
LONGEST_FUNCTION = 45
# What each part may import of the package; a part's own modules go without saying.
MAY_IMPORT = {
    "domain": {"errors"},
    "analytics": {"domain"},
    "flows": {"domain", "errors", "settings"},
    "adapters": {"domain", "errors", "settings", "flows.ports"},
    "dashboard": {"domain", "analytics", "adapters", "errors", "settings"},
    "local": {"domain", "adapters", "cli", "errors", "settings"},
}


def name_of(module: Path) -> str:
    return module.relative_to(SRC).as_posix()


def imports(module: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(module)}: imports are absolute"
            # The package itself gives its parts by name; elsewhere the module tells enough.
            if node.module == "retail_pipeline":
                yield from (f"retail_pipeline.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_within_the_package_point_one_way(part: str) -> None:
    allowed = MAY_IMPORT[part] | {part}
    for module in (PACKAGE / part).rglob("*.py"):
        for imported in imports(module):
            root, _, inner = imported.partition(".")
            if root == "retail_pipeline" and inner != "__version__":
                fits = any(inner == name or inner.startswith(f"{name}.") for name in allowed)
                assert fits, f"{name_of(module)} imports {imported}"


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_the_contributors_guide_says_what_a_part_may_import(part: str) -> None:
    lines = (SRC.parent / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    [line] = [line for line in lines if line.startswith(f"| `src/retail_pipeline/{part}` |")]
    assert set(line.split("|")[3].replace("`", "").replace(",", " ").split()) == MAY_IMPORT[part]


@pytest.mark.parametrize("part", ["domain", "flows"])
def test_the_inner_parts_know_no_client_library(part: str) -> None:
    for module in (PACKAGE / part).rglob("*.py"):
        found = {imported.partition(".")[0] for imported in imports(module)} & CLIENTS
        assert not found, f"{name_of(module)} imports {found}"


def test_only_the_command_line_knows_both_flows_and_adapters() -> None:
    for module in MODULES:
        inner = [name.removeprefix("retail_pipeline.") for name in imports(module)]
        flows = any(name.startswith("flows.") and name != "flows.ports" for name in inner)
        adapters = any(name.startswith("adapters.") for name in inner)
        if flows and adapters:
            assert module.relative_to(PACKAGE).parts[0] in ("cli", "dashboard"), name_of(module)


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
def test_modules_and_functions_stay_short(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_MODULE, "split the module by its ideas"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - _body_start(node) + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


def _body_start(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return where the code begins: a command's parameters and help text are its manual."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return first.lineno


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
    for module in SRC.rglob("*"):
        assert module.stem not in shadows or module.suffix not in ("", ".py"), name_of(module)


def test_nothing_is_left_for_later() -> None:
    for module in MODULES:
        for word in ("TODO", "FIXME", "XXX"):
            assert word not in module.read_text("utf-8"), f"{name_of(module)} has a {word}"
