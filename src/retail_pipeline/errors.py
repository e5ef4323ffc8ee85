"""Every error that the pipeline raises on purpose.

    RetailError
    ├── UsageError          a setting, a flag or a file is wrong: exit status 2, nothing written
    │   ├── SettingsError   an environment variable
    │   └── SourceError     an input file, by its name
    │       └── UnreadableError   the system doesn't let it be read now
    ├── RowError            one row breaks the record contract: it goes to quarantine
    ├── TransientError      a server is away or busy: worth another try
    ├── PermanentError      no retry will help: stop, exit status 1
    │   └── AccessError     the user's name, password or rights
    └── FiguresError        what is summarised can't be made figures of: the dashboard says so

The text of each is one line that names the thing at fault and says what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retail_pipeline.domain.rejection import Reason


class RetailError(Exception):
    """Base of all errors below."""


class UsageError(RetailError):
    """The user's own input is wrong; the program stops with exit status 2."""


class SettingsError(UsageError):
    """An environment variable is missing or holds something that can't be used."""


class SourceError(UsageError):
    """A file can't be used as a source of transactions; the text names the file."""


class UnreadableError(SourceError):
    """A file or a folder can't be read now, for a reason outside of it: rights, open files, a disk.

    What is watched is tried again; a command ends as with any other file that can't be used.
    """


class RowError(RetailError):
    """One row breaks the record contract.

    ``reason`` is the code under which it is counted; ``detail`` says what was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class TransientError(RetailError):
    """A server is away, electing or overloaded; the text names its address."""


class PermanentError(RetailError):
    """Something that no retry mends: rights, a wrong password, a refused topic."""


class AccessError(PermanentError):
    """A server knows the user not, or lets it not do this."""


class FiguresError(RetailError):
    """What is summarised is not as the dashboard expects it; the text says what it met."""
