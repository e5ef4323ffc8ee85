"""Whether the stack's database contains the sample, and whether the sample may be streamed."""

from __future__ import annotations

from threading import Event

from pymongo.errors import PyMongoError

from retail_devstack.environment import settings_of, stack_env
from retail_devstack.stack import Stack
from retail_pipeline.adapters.mongo.client import connect
from retail_pipeline.adapters.mongo.sample import has_sample_rows
from retail_pipeline.bootstrap import sample_in_mongo, sent_sources
from retail_pipeline.cli.produce.sample_rule import OTHER_DATA, not_here
from retail_pipeline.domain.sample_source import only_sample, other_data
from retail_pipeline.flows.retry import retrying
from retail_pipeline.settings import Settings, loaded

_QUICK_MS = 2_000
_RETRY_FOR_S = 30.0


def why_no_sample(stack: Stack) -> str | None:
    """Return why the sample may not be streamed into this stack, or None if it may.

    Raises:
        TransientError, PermanentError: a server is away or refuses.
    """
    if why := not_here(loaded(Settings)):
        return why
    settings = settings_of(stack_env(stack))
    with sample_in_mongo(settings) as sample:
        return OTHER_DATA if sample.other_data() or other_data(_sent(settings)) else None


def holds_sample(stack: Stack) -> bool:
    """Return whether the sample is stored, or on its way, and not replaced yet.

    Raises:
        TransientError, PermanentError: a server is away or refuses.
    """
    settings = settings_of(stack_env(stack))
    with sample_in_mongo(settings) as sample:
        if sample.replaced():
            return False
        return sample.stored() or only_sample(_sent(settings))


def shows_sample(stack: Stack) -> bool:
    """Return whether the figures come from the sample; False if MongoDB is away."""
    settings = settings_of(stack_env(stack))
    try:
        with connect(settings.mongo("reader"), name="local", timeout_ms=_QUICK_MS) as client:
            return has_sample_rows(client[settings.mongo_database])
    except PyMongoError:
        return False


def _sent(settings: Settings) -> set[str]:
    return retrying(Event(), _RETRY_FOR_S)(sent_sources, settings)
