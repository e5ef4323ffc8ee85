"""Sees from inside a container which containers of the same Compose stack run."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from retail_pipeline.operations.health_reads import Service


def containers(names: Sequence[str]) -> list[Service]:
    """Return the state of the services ``names``.

    Docker's name server knows the name of a service while one of its containers runs. A paused
    container counts as running.
    """
    return [_container(name) for name in names]


def _container(name: str) -> Service:
    try:
        found = {each[4][0] for each in socket.getaddrinfo(name, None)}
    except OSError:
        command = f"docker compose up --detach {name}"
        return Service(name=name, state="no container runs", ok=False, command=command)
    state = "runs" if len(found) == 1 else f"{len(found)} containers run"
    return Service(name=name, state=state, ok=True)
