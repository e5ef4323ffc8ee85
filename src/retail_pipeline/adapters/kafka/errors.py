"""kafka-python's errors in the pipeline's own terms: worth another try, or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import (
    BrokerNotAvailableError,
    CorruptRecordError,
    DuplicateSequenceNumberError,
    InvalidProducerEpochError,
    KafkaError,
    OutOfOrderSequenceNumberError,
    ProducerFencedError,
    RetriableError,
    StaleBrokerEpochError,
    UnknownError,
    UnknownProducerIdError,
)

from retail_pipeline.errors import PermanentError, TransientError

# The library calls an error retriable if the same request may succeed the next time. More than
# that passes: a producer's next try is made by a new client, from what was acknowledged last.
_PASSES_TOO = (
    # A producer that a broker knows no more, or otherwise, after a crash.
    DuplicateSequenceNumberError,
    InvalidProducerEpochError,
    OutOfOrderSequenceNumberError,
    ProducerFencedError,
    UnknownProducerIdError,
    # Damaged on the way.
    CorruptRecordError,
    # What a broker says while it comes or goes.
    BrokerNotAvailableError,
    StaleBrokerEpochError,
    UnknownError,
)


@contextmanager
def translated(servers: str) -> Iterator[None]:
    """Raise TransientError or PermanentError, with the brokers' address, for Kafka's own errors."""
    try:
        yield
    except RetriableError as error:
        raise TransientError(f"Kafka at {servers} does not answer: {_words(error)}") from error
    except _PASSES_TOO as error:
        raise TransientError(f"Kafka at {servers} can't serve now: {_words(error)}") from error
    except KafkaError as error:
        raise PermanentError(f"Kafka at {servers}: {_words(error)}") from error


def _words(error: KafkaError) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
