"""``make`` trusts an environment that runs, and no file that says that one was installed once."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an environment that is whole."""
    root = tmp_path / "мой checkout"
    (root / "scripts").mkdir(parents=True)
    (root / "src" / "retail_pipeline").mkdir(parents=True)
    (root / "src" / "retail_pipeline" / "__init__.py").touch()
    shutil.copy(ROOT / "Makefile", root)
    shutil.copy(ROOT / "scripts" / "check_venv.py", root / "scripts")
    venv.create(root / ".venv", with_pip=False, symlinks=True)
    [packages] = root.glob(".venv/lib/python*/site-packages")
    [line] = [line for line in (ROOT / "Makefile").read_text().splitlines() if ".pth; do" in line]
    (packages / "__editable__.retail_pipeline-0.pth").write_text(str(root / "src"), "utf-8")
    subprocess.run(["bash", "-c", line.strip().replace("$$", "$")], cwd=root, check=True)
    (root / ".venv" / "bin" / "retail").write_text(f"#!{root}/.venv/bin/python\n", "utf-8")
    (root / ".venv" / ".local").touch()
    (root / ".venv" / ".dev").touch()
    return root


def make(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "LC_ALL": "C.UTF-8", **env}
    return subprocess.run(["make", *arguments], cwd=folder, env=own, capture_output=True, text=True)


def renamed(checkout: Path) -> Path:
    return checkout.rename(checkout.with_name("another name"))


def without_python(checkout: Path) -> Path:
    for link in (checkout / ".venv" / "bin").glob("python*"):
        link.unlink()
    return checkout


def upgraded(checkout: Path) -> Path:
    [library] = checkout.glob(".venv/lib/python*")
    library.rename(library.with_name("python3.1"))
    return checkout


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "tr_TR.UTF-8"])
def test_an_environment_that_is_whole_stays(checkout: Path, locale: str) -> None:
    hostile = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "PYTHONSAFEPATH": "1"}
    make(checkout, "help", LC_ALL=locale, **hostile)
    assert (checkout / ".venv" / ".local").exists() and (checkout / ".venv" / ".dev").exists()


@pytest.mark.parametrize("broken", [renamed, without_python, upgraded])
def test_one_that_no_longer_runs_is_not_taken_for_installed(
    checkout: Path, broken: Callable[[Path], Path]
) -> None:
    folder = broken(checkout)
    assert make(folder, "help").returncode == 0
    assert not (folder / ".venv" / ".local").exists()
    assert not (folder / ".venv" / ".dev").exists()


@pytest.mark.parametrize(("whole", "option"), [(True, ""), (False, "--clear ")])
def test_an_installation_that_was_interrupted_starts_from_nothing(
    checkout: Path, whole: bool, option: str
) -> None:
    python = checkout / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *venv*) echo "$@"; exit 1;; esac\n')
    python.chmod(0o755)
    if not whole:
        (checkout / ".venv" / ".local").unlink()
    for name in ("pyproject.toml", "requirements.txt", "requirements-local.txt"):
        (checkout / name).touch()
        os.utime(checkout / name, (2e9, 2e9))
    done = make(
        checkout, "--silent", ".venv/.local", f"PYTHON={python.name}", PATH=path_with(checkout)
    )
    assert f"-m venv {option}.venv" in done.stdout


def path_with(folder: Path) -> str:
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
