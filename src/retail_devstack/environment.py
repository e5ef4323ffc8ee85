"""The settings that reach a stack, as environment variables."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from retail_devstack.child import TARGET_FILE
from retail_devstack.home import Home
from retail_devstack.ports import HOST
from retail_devstack.stack import Stack
from retail_devstack.surroundings import service_env
from retail_devstack.users import ensure_stack_users, role_uris
from retail_pipeline.settings import Settings, load_settings, loaded

# How far each process's port is from the one that is set.
_METRICS_PORTS = {"processor": 1, "producer": 2, "dashboard": 3}
_NAMES = ("KAFKA_TOPIC", "KAFKA_GROUP", "MONGO_DATABASE")


def current_names() -> dict[str, str]:
    """Return topic, group and database from the user's own settings."""
    settings = loaded(Settings)
    return {name: str(getattr(settings, name.lower())) for name in _NAMES}


def stack_env(stack: Stack) -> dict[str, str]:
    """Return every variable that a process needs to reach the stack, and nothing else."""
    ports = stack.state.ports
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{ports['kafka']}",
        "ZOOKEEPER_ADDRESS": f"{HOST}:{ports['zookeeper']}",
        **stack.state.names,
        **role_uris(stack.state, stack.state.names["MONGO_DATABASE"]),
        "STATE_DIR": str(stack.home.checkpoints),
        "HEARTBEAT_FILE": str(stack.home.heartbeat),
        "DASHBOARD_URL": f"http://{HOST}:{ports['dashboard']}",
    }


def known_env(stack: Stack) -> dict[str, str]:
    """Return what :func:`stack_env` does, or nothing if the stack was never started."""
    return stack_env(stack) if stack.state.names and stack.state.ports else {}


def process_env(stack: Stack) -> dict[str, str]:
    """Return the environment for a process of the pipeline."""
    return {**service_env(), **stack_env(stack)}


def metrics_name(part: str) -> str:
    """Return the name under which the state has the port of a service's metrics."""
    return f"{part}-metrics"


def target_file(home: Home) -> Path:
    """Return the file that names the producer to Prometheus while there is something to scrape."""
    return home.config("prometheus/producer.json")


def metrics_env(stack: Stack, part: str) -> dict[str, str]:
    """Return where a service of the stack serves its metrics, or nothing if it does not.

    They share this machine, so that each needs a port of its own. Monitoring has chosen one; else
    they follow METRICS_PORT, which is for the exporter.
    """
    if chosen := stack.state.ports.get(metrics_name(part)):
        env = {"METRICS_PORT": str(chosen), "METRICS_ADDRESS": HOST}
        return {**env, TARGET_FILE: str(target_file(stack.home))} if part == "producer" else env
    first = loaded(Settings).metrics_port
    return {"METRICS_PORT": str(first + _METRICS_PORTS[part])} if first else {}


def own_env(stack: Stack, name: str, folder: Path) -> dict[str, str]:
    """Make users for a database called ``name``; return what differs in the environment there.

    Its topic and its group have that name too, and its state is in ``folder``, so that several can
    use one stack independently.
    """
    ensure_stack_users(stack.state, name)
    return {
        **role_uris(stack.state, name),
        **dict.fromkeys(_NAMES, name),
        "STATE_DIR": str(folder / "state"),
        "HEARTBEAT_FILE": str(folder / "heartbeat"),
    }


def settings_of(env: Mapping[str, str]) -> Settings:
    """Return the settings that a process would read from ``env``.

    Raises:
        SettingsError: a variable holds something that can't be used; the text names each one.
    """
    known: dict[str, Any] = {name.lower(): value for name, value in env.items()}
    return load_settings(**{name: known[name] for name in Settings.model_fields if name in known})


def as_exports(env: Mapping[str, str]) -> str:
    """Return ``env`` as lines for a shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in env.items())
