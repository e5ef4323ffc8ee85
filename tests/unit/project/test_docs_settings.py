"""Whatever can be set is explained in .env.example, with the default that really holds."""

from __future__ import annotations

import re

import pytest

from retail_devstack.home import LocalSettings
from retail_pipeline.settings import Settings
from tests.paths import ROOT

ENV_EXAMPLE = (ROOT / ".env.example").read_text().splitlines()
COMPOSE = (ROOT / "docker-compose.yml").read_text()
COMPOSE_LINES = [line for line in COMPOSE.splitlines() if not line.lstrip().startswith("#")]
FIELDS = Settings.model_fields | LocalSettings.model_fields
ASSIGNMENT = re.compile(r"#?(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")


def explained() -> dict[str, str]:
    """Each variable of .env.example whose line follows a comment, with its value."""
    found = {}
    for before, line in zip(ENV_EXAMPLE, ENV_EXAMPLE[1:]):
        match = ASSIGNMENT.fullmatch(line)
        if match and before.startswith("# ") and not before.startswith("# ---"):
            found[match["name"]] = match["value"]
    return found


def used_by_compose() -> dict[str, str | None]:
    """Each variable that docker-compose.yml takes from outside, with its default there."""
    text = "\n".join(COMPOSE_LINES)
    found: dict[str, str | None] = dict(re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", text))
    passed_on = re.findall(r"^ +([A-Z][A-Z0-9_]*):$", text, flags=re.MULTILINE)
    return found | dict.fromkeys(passed_on)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_explained_with_its_default(name: str) -> None:
    variable = name.upper()
    assert variable in explained(), f"{variable} has no commented line in .env.example"
    default = FIELDS[name].default
    if default is not None:
        assert explained()[variable] == str(default)


@pytest.mark.parametrize("variable", used_by_compose())
def test_every_variable_of_compose_is_explained_with_its_default(variable: str) -> None:
    assert variable in explained(), f"{variable} has no commented line in .env.example"
    default = used_by_compose()[variable]
    if default is not None:
        assert explained()[variable] == default


def test_compose_needs_no_env_file() -> None:
    bare = re.findall(r"\$\{[A-Z0-9_]+\}|\$\{[A-Z0-9_]+:?\?", "\n".join(COMPOSE_LINES))
    assert bare == [], "each variable of docker-compose.yml has a default"


def test_env_example_explains_nothing_that_nobody_reads() -> None:
    known = {name.upper() for name in FIELDS} | set(used_by_compose())
    assert set(explained()) <= known


def test_every_assignment_follows_its_comment() -> None:
    assigned = {match["name"] for line in ENV_EXAMPLE if (match := ASSIGNMENT.fullmatch(line))}
    assert assigned == set(explained())


def test_development_passwords_can_be_recognised() -> None:
    passwords = {n: v for n, v in explained().items() if re.fullmatch("MONGO_.*_PASSWORD", n)}
    assert len(passwords) == 5
    assert all(value.startswith("dev-only-") for value in passwords.values())


def test_every_published_port_is_bound_to_this_machine_and_can_be_set() -> None:
    ports = re.findall(r'ports: \["([^"]+)"\]', COMPOSE)
    assert len(ports) == 6 and COMPOSE.count("ports:") == 6
    assert all(re.match(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d+\}:\d+$", port) for port in ports)
