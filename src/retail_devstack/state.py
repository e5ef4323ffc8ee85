"""The state of the local stack between two commands: ``stack.json``, readable for its owner."""

from __future__ import annotations

import os
import secrets
from typing import get_args

import msgspec

from retail_devstack.home import Home
from retail_devstack.processes import Process
from retail_pipeline.errors import PermanentError, os_words
from retail_pipeline.settings import Role

ROLES: tuple[Role, ...] = get_args(Role)


class State(msgspec.Struct):
    """Ports, passwords and processes of one stack."""

    passwords: dict[str, str]
    ports: dict[str, int] = {}
    names: dict[str, str] = {}
    processes: dict[str, Process] = {}
    data: list[str] = []


def new_state() -> State:
    """Return the state of a new stack, with new passwords."""
    return State(passwords={name: secrets.token_urlsafe(24) for name in ("root", *ROLES)})


def load_state(home: Home) -> State | None:
    """Return the state in ``home``, or None if no stack was ever started there.

    Raises:
        PermanentError: the file is damaged or can't be read.
    """
    try:
        return msgspec.json.decode(home.state_file.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise PermanentError(os_words(error, home.root)) from error
    except (msgspec.DecodeError, OSError) as error:
        raise PermanentError(
            f"{home.state_file} can't be read ({error}), and it has the passwords of the stack's"
            " data. Restore a copy of it, or run `retail local down` and delete"
            f" {home.root} to start from nothing"
        ) from error


def save_state(home: Home, state: State) -> None:
    """Replace the file atomically.

    Raises:
        PermanentError: it can't be written.
    """
    draft = home.state_file.with_suffix(".new")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(home.state_file)
    except OSError as error:
        raise PermanentError(f"{home.state_file} can't be written: {error.strerror}") from error
