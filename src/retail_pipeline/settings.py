"""Settings: environment variables (or a .env file), read once, checked, and explained.

Every field's description is its help text; ``.env.example`` must explain each of them, which a
test checks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar, get_args
from urllib.parse import quote, unquote

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from retail_pipeline import logs
from retail_pipeline.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from retail_pipeline.operations.health_reads import Service

DEVELOPMENT_SECRET = "dev-only"
SettingsClass = TypeVar("SettingsClass", bound=BaseSettings)
Role = Literal["writer", "reader", "monitor", "setup"]
# The part after the user may not contain an @. A password with / or ? would end there, and the
# driver would show the rest of it in an error as a host, a database or an option.
_MONGO_URI = re.compile(
    r"(?P<scheme>mongodb(\+srv)?://)"
    r"((?P<user>[^:/?#\[\]@]+)(:(?P<password>[^:/?#\[\]@]*))?@)?"
    r"(?P<rest>[^@]*)"
)
_MONGO_URIS = ("mongo_uri", *(f"mongo_{role}_uri" for role in get_args(Role)))
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def expand_user(path: str | Path) -> Path:
    """Return ``path`` with the home folder in place of a ~ or ~user at its start.

    Shells do this only outside quotes, and nothing does it for values in ``.env``.

    Raises:
        UsageError: there is no such home folder.
    """
    if not str(path).startswith("~") or os.path.lexists(path):
        return Path(path)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{path}: no home folder is known for {Path(path).parts[0]}: write the whole path"
        ) from None


def _expanded(path: Path) -> Path:
    try:
        return expand_user(path)
    except UsageError as error:
        raise ValueError(str(error)) from None


UserPath = Annotated[Path, AfterValidator(_expanded)]


def with_password(uri: str, password: str | None) -> str:
    """Return the address ``uri`` with ``password`` in it, escaped.

    An address without a user, or with a password, is returned unchanged.
    """
    parts = _MONGO_URI.fullmatch(uri)
    if not password or not parts or not parts["user"] or parts["password"]:
        return uri
    secret = quote(password, safe="")
    return f"{parts['scheme']}{parts['user']}:{secret}@{parts['rest']}"


def user_of(uri: str) -> str | None:
    """Return the user that the address ``uri`` names; None if it names none."""
    parts = _MONGO_URI.fullmatch(uri)
    return unquote(parts["user"]) if parts and parts["user"] else None


def without_user(uri: str) -> str:
    """Return the address ``uri`` without its user and password."""
    parts = _MONGO_URI.fullmatch(uri)
    return f"{parts['scheme']}{parts['rest']}" if parts else uri


def _address_of(who: str) -> Any:
    return Field(None, repr=False, description=f"MongoDB's address, for {who}'s user.")


def _password_of(who: str) -> Any:
    text = f"{who.capitalize()}'s password, if its address has only a user."
    return Field(None, repr=False, description=text)


def secret_folders(root: Path = Path("/run/secrets")) -> list[Path]:
    """Return the folders in which a container has its secrets: files with the names of settings."""
    if not os.access(root, os.R_OK | os.X_OK):
        return []
    return [root, *filter(Path.is_dir, root.iterdir())]


class Settings(BaseSettings):
    """The settings of the pipeline's processes."""

    model_config = SettingsConfigDict(
        env_file=".env",
        secrets_dir=secret_folders(),
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    retail_env: Literal["development", "staging", "production"] = Field(
        "development",
        description="Where this runs; staging and production refuse the development passwords.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Log level; DEBUG shows the client libraries' log too."
    )
    log_format: logs.Form = Field(
        "text", description="Form of the log: text for people, or json, one object a line."
    )
    state_dir: UserPath = Field(
        Path(".retail/state"), description="Folder of the producer's checkpoints."
    )
    kafka_bootstrap_servers: str = Field(
        "127.0.0.1:9092", description="Kafka brokers, host:port, separated by commas."
    )
    zookeeper_address: str | None = Field(
        None, description="ZooKeeper, host:port, for the health check; unset: not checked."
    )
    kafka_topic: str = Field(
        "retail_transactions",
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Topic of the transactions; the two others add .dlq and .manifests.",
    )
    kafka_group: str = Field(
        "retail-processor", min_length=1, description="Consumer group of the processors."
    )
    kafka_partitions: int = Field(
        6, ge=1, le=1000, description="Partitions of the transactions topic when it is created."
    )
    kafka_session_timeout_ms: int = Field(
        10_000, ge=6_000, le=300_000, description="A processor's session timeout, in milliseconds."
    )
    mongo_uri: str = Field(
        "mongodb://127.0.0.1:27017",
        repr=False,
        description="MongoDB's address, for each role without an address of its own.",
    )
    mongo_writer_uri: str | None = _address_of("the processor")
    mongo_reader_uri: str | None = _address_of("the dashboard")
    mongo_monitor_uri: str | None = _address_of("the monitor")
    mongo_setup_uri: str | None = _address_of("the set-up step")
    mongo_writer_password: str | None = _password_of("the processor")
    mongo_reader_password: str | None = _password_of("the dashboard")
    mongo_monitor_password: str | None = _password_of("the monitor")
    mongo_setup_password: str | None = _password_of("the set-up step")
    mongo_database: str = Field(
        "retail_db", pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Database of the pipeline."
    )
    processor_batch_rows: int = Field(
        5_000, ge=1, le=50_000, description="Most records in a batch of the processor."
    )
    processor_wait_ms: int = Field(
        200, ge=1, le=60_000, description="Longest wait for a batch to fill, in milliseconds."
    )
    dead_letter_limit_rows: int = Field(
        1_000, ge=0, description="Rejected records above which a processor stops; 0: no limit."
    )
    dead_letter_limit_share: float = Field(
        0.2, ge=0, le=1, description="Rejected share, 0 to 1, that must be exceeded as well."
    )
    dead_letter_window_s: float = Field(
        300.0, ge=1, le=86_400, description="Window of the dead-letter limit, in seconds."
    )
    dlq_max_replays: int = Field(
        3, ge=1, description="Most replays of a row in quarantine without --force."
    )
    reconcile_every_s: float = Field(
        60.0, ge=0, le=86_400, description="Seconds between two count checks; 0: none."
    )
    dashboard_memory_mb: int = Field(
        256, ge=1, description="MB for the dashboard's summaries; older days are left out."
    )
    dashboard_sign_in_file: UserPath | None = Field(
        None, description="OpenID Connect settings of the dashboard's sign-in, a file; unset: none."
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="Port on which a process serves its metrics; unset: none.",
    )
    metrics_address: str = Field(
        "127.0.0.1", min_length=1, description="Address at which metrics are served; 0.0.0.0: all."
    )
    alert_urls: str | None = Field(
        None,
        repr=False,
        description="Where `retail alert` sends: URLs of apprise, separated by blanks.",
    )
    dashboard_url: str = Field(
        "http://127.0.0.1:8501", description="Address of the dashboard, for the health check."
    )
    compose_services: str | None = Field(
        None, description="Services of the Compose stack, for the health check; Compose sets it."
    )
    heartbeat_file: UserPath = Field(
        Path(".retail/heartbeat"), description="File that the processor touches after each cycle."
    )

    @field_validator(*_MONGO_URIS)
    @classmethod
    def _passwords_are_escaped(cls, uri: str | None) -> str | None:
        parts = _MONGO_URI.fullmatch(uri or "")
        whole = parts and not _BARE_PERCENT.search(f"{parts['user']}:{parts['password']}")
        if uri and "@" in uri and not whole:
            raise ValueError(
                "it doesn't have the form mongodb://user:password@host:port/?authSource=database;"
                " is there a : / ? # [ ] @ or % in the password? Leave the password out of the"
                " address (mongodb://user@host) and set it by itself, unescaped:"
                " MONGO_WRITER_PASSWORD, MONGO_READER_PASSWORD, MONGO_MONITOR_PASSWORD or"
                " MONGO_SETUP_PASSWORD"
            )
        return uri

    @model_validator(mode="after")
    def _development_secrets_stay_in_development(self) -> Settings:
        if self.retail_env != "development":
            for role in get_args(Role):
                parts = _MONGO_URI.fullmatch(self.mongo(role))
                password = unquote(parts["password"] or "") if parts else ""
                if password.startswith(DEVELOPMENT_SECRET):
                    raise ValueError(
                        f"the {role}'s MongoDB password is the development default, which"
                        f" RETAIL_ENV={self.retail_env} refuses: set a password of your own"
                    )
        return self

    @property
    def uses_given_servers(self) -> bool:
        """Whether to ignore a local stack: an address is set, or this is not development."""
        return self.retail_env != "development" or not self.model_fields_set.isdisjoint(
            ("kafka_bootstrap_servers", *_MONGO_URIS)
        )

    @property
    def sample_allowed(self) -> bool:
        """Whether the made-up sample may be streamed and stored: in development only."""
        return self.retail_env == "development"

    def mongo(self, role: Role) -> str:
        """Return the MongoDB address for ``role``, with its password if one is set."""
        own: str | None = getattr(self, f"mongo_{role}_uri")
        return with_password(own or self.mongo_uri, getattr(self, f"mongo_{role}_password"))

    @property
    def dead_letter_topic(self) -> str:
        """Topic of the rows that break the contract, with their reasons."""
        return f"{self.kafka_topic}.dlq"

    @property
    def manifest_topic(self) -> str:
        """Topic of the producer's manifests, one for each source."""
        return f"{self.kafka_topic}.manifests"

    @property
    def topics(self) -> tuple[str, str, str]:
        """Every topic of the pipeline: transactions, dead letters, manifests."""
        return self.kafka_topic, self.dead_letter_topic, self.manifest_topic


class FoundStack(NamedTuple):
    """A local stack that runs here: a line that names it, its variables, and its services."""

    line: str
    variables: dict[str, str]
    services: Callable[[], Sequence[Service]]


def load_settings(*, partly: bool = False, **values: Any) -> Settings:
    """Return the settings from ``values``, the environment and ``.env``, in this order.

    In development, if no address is set, those of a local stack that runs here come before
    ``.env``; with ``partly``, also those of a stack whose servers don't all run.

    Raises:
        SettingsError: a variable has a value that can't be used; the text names each one.
    """
    settings = loaded(Settings, **values)
    if settings.uses_given_servers or not (stack := find_stack(partly)):
        return settings
    # In order of precedence: ``values``, the shell's variables, the local stack's, those of .env.
    variables = stack.variables.items()
    found = {name.lower(): value for name, value in variables if name.upper() not in os.environ}
    return loaded(Settings, **found | values)


@cache
def find_stack(partly: bool = False) -> FoundStack | None:
    """Return the local stack that runs here, wholly or ``partly``; find and name it only once."""
    for finder in entry_points(group="retail_pipeline.stacks"):
        if found := finder.load()(partly):
            stack = FoundStack(*found)
            with suppress(OSError, ValueError):  # standard error may be closed
                logs.say(stack.line)
            return stack
    return None


def stack_of(settings: Settings) -> FoundStack | None:
    """Return the local stack that ``settings`` are about; None if they name other servers."""
    stack = find_stack(True)
    if stack and stack.variables["KAFKA_BOOTSTRAP_SERVERS"] == settings.kafka_bootstrap_servers:
        return stack
    return None


def loaded(kind: type[SettingsClass], **values: Any) -> SettingsClass:
    """Return settings of one kind from ``values``, the environment and ``.env``; no local stack.

    Raises:
        SettingsError: a variable has a value that can't be used; the text names each one.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc']).upper() or 'settings'}:"
            f" {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise SettingsError("; ".join(lines)) from None
