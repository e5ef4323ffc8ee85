"""Docker's name server knows the services whose containers run."""

from __future__ import annotations

import socket

from pytest_mock import MockerFixture

from retail_pipeline.adapters.containers import containers

ADDRESSES = {"kafka": ["10.0.0.2"], "processor": ["10.0.0.3", "10.0.0.4", "10.0.0.3"]}


def test_a_service_without_a_container_is_named_with_the_command_that_starts_it(
    mocker: MockerFixture,
) -> None:
    def resolve(name: str, port: None) -> list[tuple[object, ...]]:
        if name not in ADDRESSES:
            raise socket.gaierror(-2, "Name or service not known")
        return [(2, 1, 6, "", (address, 0)) for address in ADDRESSES[name]]

    mocker.patch("socket.getaddrinfo", resolve)
    found = containers(["kafka", "processor", "mongodb"])
    assert [(each.state, each.ok, each.command) for each in found] == [
        ("runs", True, None),
        ("2 containers run", True, None),
        ("no container runs", False, "docker compose up --detach mongodb"),
    ]
