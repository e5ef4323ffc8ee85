"""Checks of the machine: memory, disk, clock, ports, the data folder, proxy variables, settings."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from retail_devstack.doctor.compose import ComposeSettings, Docker
from retail_devstack.home import ENOUGH_MEMORY, Home
from retail_devstack.ports import is_free
from retail_pipeline.adapters.host import read_disk
from retail_pipeline.adapters.sources.files import list_entries
from retail_pipeline.errors import RetailError
from retail_pipeline.operations.disk import LOW_DISK, NO_DISK
from retail_pipeline.operations.health import Finding, NotApplicableError, Status
from retail_pipeline.settings import Settings, loaded

# Below it, the servers do not start.
_LITTLE_MEMORY = 0.7e9
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
# A file may come from a machine whose clock is a little ahead.
_CLOCK_TOLERANCE_S = 120.0
_OURSELVES = ("127.0.0.1", "localhost")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LISTED = 5


def settings() -> Finding:
    """Whether the settings of the environment and of .env can be used."""
    try:
        found = loaded(Settings)
    except RetailError as error:
        return Finding(Status.FAIL, f"{error}; correct it in .env or in the environment")
    where = f"{Path('.env').absolute()} and the" if Path(".env").exists() else "the"
    return Finding(Status.OK, f"RETAIL_ENV={found.retail_env}, from {where} environment")


def memory() -> Finding:
    """Whether enough memory is free for a stack."""
    machine = psutil.virtual_memory()
    total, free = machine.total, machine.available
    limit = _container_limit()
    if limit is not None and limit < total:
        total, free = limit, min(free, limit)
    detail = f"{free / 1e9:,.1f} GB of {total / 1e9:,.1f} GB free"
    lines = tuple(f"process {pid}, {name}: {mb:,.0f} MB" for mb, pid, name in _largest())
    if free >= ENOUGH_MEMORY:
        return Finding(Status.OK, detail, lines=lines)
    detail = (
        f"only {detail}; the local stack takes about {ENOUGH_MEMORY / 1e9} GB: stop other"
        " programs; --verbose names the largest"
    )
    return Finding(Status.FAIL if free < _LITTLE_MEMORY else Status.WARN, detail, lines=lines)


def _container_limit() -> int | None:
    """Return the memory limit of the container in which this runs, in bytes, if it has one."""
    try:
        text = _CONTAINER_LIMIT.read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _largest() -> list[tuple[float, int, str]]:
    found = []
    for each in psutil.process_iter(["name", "memory_info"]):
        if used := each.info["memory_info"]:
            found.append((used.rss / 1e6, each.pid, str(each.info["name"])))
    return sorted(found, reverse=True)[:_LISTED]


def disk(home: Home, docker: Docker) -> Finding:
    """Whether the disk of the local stack's folder has free space."""
    found = read_disk(home.root)
    detail = f"{found.free / 1e9:,.1f} GB of {found.total / 1e9:,.1f} GB free on {found.path}"
    if found.free >= LOW_DISK:
        return Finding(Status.OK, detail)
    # It removes what builds keep for later, and no data of any stack.
    command = (
        "docker builder prune"
        if docker.answers
        else f"du -xh {shlex.quote(found.path)} | sort -h | tail"
    )
    status = Status.FAIL if found.free < NO_DISK else Status.WARN
    return Finding(status, f"only {detail}: free some space", command)


def clock() -> Finding:
    """Whether the clock is plausible and synchronised."""
    command = (
        "sudo sntp -sS time.apple.com"
        if sys.platform == "darwin"
        else "sudo timedatectl set-ntp true"
    )
    # No file of this program can be younger than the present.
    ahead = Path(__file__).stat().st_mtime - time.time()
    if ahead > _CLOCK_TOLERANCE_S:
        detail = (
            f"the clock is wrong by at least {ahead / 3600:,.1f} h: it is before the installation"
        )
        return Finding(Status.FAIL, detail, command)
    synchronised = _synchronised()
    if synchronised == "no":
        return Finding(Status.WARN, "the clock is not synchronised by NTP", command)
    if synchronised == "yes":
        return Finding(Status.OK, "synchronised by NTP")
    return Finding(Status.OK, "plausible; the system does not say whether it is synchronised")


def _synchronised() -> str:
    """Return yes or no, or an empty text where systemd does not say."""
    command = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def ports(compose: ComposeSettings, docker: Docker) -> Finding:
    """Whether the ports of Compose are free, and who has them."""
    compose.need()
    if not docker.installed:
        raise NotApplicableError("docker is not installed; the local stack picks free ports")
    wanted = compose.ports
    taken = {name: port for name, port in wanted.items() if not is_free(port)}
    users = {name: docker.user_of(port) or _listener(port) for name, port in taken.items()}
    own = f"a container of {compose.compose_project_name}"
    others = {name: user for name, user in users.items() if user != own}
    lines = tuple(f"{name}={wanted[name]}: {user}" for name, user in users.items())
    if not others:
        numbers = ", ".join(map(str, wanted.values()))
        return Finding(Status.OK, f"{numbers}: free, or used by this stack", lines=lines)
    detail = "; ".join(f"{wanted[name]} ({name}) is taken by {who}" for name, who in others.items())
    detail += "; Compose can't start on it, the local stack picks free ports by itself"
    used = set(wanted.values())
    commands = []
    for name in others:
        new = _next_free(wanted[name], used)
        used.add(new)
        commands.append(f"echo {name}={new} >> .env")
    # A variable of the shell has precedence over .env.
    unset = "".join(f"unset {name} && " for name in others if name in os.environ)
    return Finding(Status.WARN, detail, unset + " && ".join(commands), lines)


def _next_free(port: int, used: set[int]) -> int:
    return next(each for each in range(port + 1, 65_536) if each not in used and is_free(each))


def _listener(port: int) -> str:
    """Return which process listens on ``port``, as far as this user may see it."""
    try:
        found = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS
        return "another process"
    for each in found:
        if each.status == psutil.CONN_LISTEN and each.laddr[1:] == (port,) and each.pid:
            try:
                return f"process {each.pid} ({psutil.Process(each.pid).name()})"
            except psutil.Error:
                return f"process {each.pid}"
    return "a process of another user"


def data(compose: ComposeSettings) -> Finding:
    """Whether the data folder exists, and Compose's producer, which is not root, can read it."""
    compose.need()
    folder = compose.retail_data_dir
    name = shlex.quote(str(folder))
    if not folder.is_dir():
        if folder.exists():
            return Finding(
                Status.FAIL, f"RETAIL_DATA_DIR={folder} is no folder; name a folder in .env"
            )
        return Finding(Status.FAIL, f"RETAIL_DATA_DIR={folder} does not exist", f"mkdir -p {name}")
    command = f"chmod -R a+rX {name}"
    if not _readable(folder, 0o5):
        return Finding(
            Status.WARN, f"{folder}: other users, such as the containers', can't read it", command
        )
    entries = list(list_entries(folder))
    closed = [each.path for each in entries if not _readable(each.path, 0o4)]
    lines = tuple(str(each) for each in entries if each.problem)
    if closed:
        names = ", ".join(path.name for path in closed[:_LISTED])
        more = f" and {len(closed) - _LISTED} more" if len(closed) > _LISTED else ""
        detail = f"{folder}: other users, such as the containers', can't read {names}{more}"
        return Finding(Status.WARN, detail, command, lines)
    if lines:
        detail = f"{len(lines)} of {len(entries)} entries are not read; the first: {lines[0]}"
        return Finding(Status.WARN, detail, lines=lines)
    return Finding(Status.OK, f"{folder}: readable, {len(entries)} files", lines=lines)


def _readable(path: Path, bits: int) -> bool:
    """Return whether users other than the owner have the rights ``bits`` on ``path``."""
    return os.name == "nt" or path.stat().st_mode & bits == bits


def proxy(environment: Mapping[str, str]) -> Finding:
    """Whether proxy variables leave connections on this machine alone; no value is shown."""
    given = {name.lower(): value for name, value in environment.items() if value}
    found = sorted(name for name in given if name in _PROXIES)
    if not found:
        raise NotApplicableError("no proxy variable is set")
    direct = [part.strip() for part in given.get("no_proxy", "").split(",")]
    names, own = ", ".join(name.upper() for name in found), ",".join(_OURSELVES)
    if "*" in direct or all(name in direct for name in _OURSELVES):
        return Finding(Status.OK, f"{names}: connections to this machine use no proxy")
    exports = (f'{name}="${{{name}:+${name},}}{own}"' for name in ("NO_PROXY", "no_proxy"))
    return Finding(
        Status.WARN,
        f"{names} would send requests for this machine to a proxy, such as those of a browser or"
        " of curl; the pipeline's own processes don't use it",
        f"export {' '.join(exports)}",
    )
