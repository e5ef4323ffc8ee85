"""The archive for a bug report: what helps, without secrets and without rows."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import msgspec
from pydantic_settings import DotEnvSettingsSource

from retail_devstack.doctor.compose import Docker
from retail_devstack.home import Home
from retail_devstack.state import load_state
from retail_pipeline import __version__
from retail_pipeline.errors import RetailError, UsageError
from retail_pipeline.operations.health import Health
from retail_pipeline.settings import Settings, loaded

REMOVED = "(removed)"
_LOG_BYTES = 256 * 1024
_SECRET_NAME = re.compile(
    r"PASSWORD|SECRET|TOKEN|KEY|_URI$|PROXY|WEBHOOK|CREDENTIAL", re.IGNORECASE
)
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s:]+:[^@\s]+(?=@)")
_ASSIGNED = re.compile(
    r"(?i)((?:password|passwd|pwd|secret|token)[\"']?\s*[=:]\s*[\"']?)"
    r"(?!(?:null|true|false)\b)[^\s\"',}]+"
)
# These lines of mongod have the command, and so may have rows.
_MONGOD_COMMANDS = {"COMMAND", "WRITE", "QUERY", "TXN", "INDEX"}
_LEFT_OUT = {
    "passwords, and the user names in addresses": "they are replaced by (removed) everywhere",
    ".env and the environment": "settings.json has the pipeline's settings, without secrets",
    "the file of the dashboard's sign-in": "it has secrets",
    "rows: the data folders, MongoDB's and Kafka's data, the quarantine": "they may be personal",
    "the details of commands in mongod's log": "they may have rows",
}


class Redactor:
    """Removes known secrets from texts, and what has the form of one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for each in secrets for form in _forms(each)}
        # The longest first: one secret may be a part of another.
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets."""
        if self._known:
            text = self._known.sub(REMOVED, text)
        text = _IN_ADDRESS.sub(REMOVED, text)
        return _ASSIGNED.sub(rf"\1{REMOVED}", text)


def _forms(secret: str) -> set[str]:
    """Return ``secret`` as addresses, JSON and Python write it."""
    plain = {secret, unquote(secret)}
    return {
        form
        for each in plain
        if each
        for form in (each, quote(each, safe=""), quote_plus(each), json.dumps(each)[1:-1])
    }


def known_secrets(home: Home, environment: Mapping[str, str]) -> set[str]:
    """Return the secrets of the settings, of .env, of the environment and of the local stack."""
    found = set()
    for name, value in {**environment, **_env_file(Path(".env"))}.items():
        if name.upper() in {"ALERT_URLS", "ALERT_SLACK_URL"}:
            # Any part of such a URL may be a token.
            found.update(value.split())
        elif _SECRET_NAME.search(name):
            found.add(_password_in(value) if "://" in value else value)
    try:
        state = load_state(home)
    except RetailError:
        state = None
    return {each for each in (*found, *(state.passwords.values() if state else ())) if each}


def _password_in(address: str) -> str:
    before, at, _ = address.rpartition("@")
    return before.partition("://")[2].partition(":")[2] if at else ""


def _env_file(path: Path) -> dict[str, str]:
    """Return all that the file sets, not only settings."""
    try:
        found = DotEnvSettingsSource(Settings, env_file=path).env_vars
    except (OSError, ValueError):
        return {}
    return {name: value or "" for name, value in found.items()}


def write(path: Path, health: Health, home: Home, docker: Docker) -> list[str]:
    """Write the archive, readable for this user only; return the lines that say what is in it.

    Raises:
        UsageError: the file exists.
        OSError: it can't be written.
    """
    clean = Redactor(known_secrets(home, os.environ))
    parts: dict[str, tuple[str, str]] = {
        "findings.json": ("what was checked and found", _as_json(health)),
        "versions.json": (
            "versions of the program, its libraries and Docker",
            _as_json(_versions(docker)),
        ),
        "settings.json": ("settings in force, without secrets", _as_json(_settings())),
        "stack.json": ("ports, names and processes of the local stack", _as_json(_state(home))),
    }
    for log in sorted((home.root / "logs").glob("*.log*")):
        parts[f"logs/{log.name}"] = (f"the last {_LOG_BYTES // 1024} KB at most", _end_of(log))
    if docker.answers:
        for name in docker.containers:
            parts[f"compose/{name}.log"] = ("the last 500 lines", docker.log_of(name, 500))
    texts = {name: clean(_without_rows(name, text)) for name, (_, text) in parts.items()}
    manifest = {
        "made_at": datetime.now(UTC),
        "files": {
            name: {"what": parts[name][0], "bytes": len(text.encode(errors="replace"))}
            for name, text in texts.items()
        },
        "left_out": _LEFT_OUT,
    }
    texts = {"manifest.json": _as_json(manifest), **texts}
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists: name another file") from None
    with (
        os.fdopen(descriptor, "wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, text in texts.items():
            archive.writestr(name, text.encode(errors="replace"))
    return [f"{name}: {what}" for name, (what, _) in parts.items()]


def _as_json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()


def _versions(docker: Docker) -> dict[str, Any]:
    info = docker.info if docker.answers else {}
    return {
        "retail": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "docker": {
            name: info.get(name) for name in ("ServerVersion", "OperatingSystem", "MemTotal")
        },
        "packages": dict(sorted((each.name, each.version) for each in distributions())),
    }


def _settings() -> dict[str, Any]:
    try:
        settings = loaded(Settings)
    except RetailError as error:
        return {"error": str(error)}
    values = settings.model_dump(mode="json")
    return {
        name: REMOVED if value is not None and _is_secret(name) else value
        for name, value in values.items()
    }


def _is_secret(name: str) -> bool:
    """Return whether a setting is a secret as a whole."""
    return "password" in name or name == "alert_urls"


def _state(home: Home) -> dict[str, Any]:
    try:
        state = load_state(home)
    except RetailError as error:
        return {"error": str(error)}
    if state is None:
        return {}
    return {
        "ports": state.ports,
        "names": state.names,
        "processes": state.processes,
        "data": state.data,
    }


def _end_of(log: Path) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"{log.name} can't be read: {error.strerror}\n"


def _without_rows(name: str, text: str) -> str:
    """Return a log without the commands that mongod logs; other texts as they are."""
    if "mongodb" not in name:
        return text
    return "\n".join(map(_without_command, text.splitlines()))


def _without_command(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        # The first line may be cut.
        return line if not line.startswith("{") and "}" not in line else f"{REMOVED}"
    if isinstance(entry, dict) and entry.get("c") in _MONGOD_COMMANDS:
        entry["attr"] = REMOVED
    return json.dumps(entry)
