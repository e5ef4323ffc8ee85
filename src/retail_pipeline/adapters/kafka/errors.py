"""Translates kafka-python's errors into transient and permanent ones."""

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

# The library calls an error retriable if the same request may succeed the next time. These are
# transient too: a producer's next try uses a new client and starts from the last acknowledged row.
_PASSES_TOO = (
    # The broker lost or changed its state of the producer in a crash.
    DuplicateSequenceNumberError,
    InvalidProducerEpochError,
    OutOfOrderSequenceNumberError,
    ProducerFencedError,
    UnknownProducerIdError,
    # Damaged in transit.
    CorruptRecordError,
    # A broker that starts or stops.
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
        raise TransientError(f"Kafka at {servers} does not answer: {words(error)}") from error
    except _PASSES_TOO as error:
        raise TransientError(f"Kafka at {servers} can't serve now: {words(error)}") from error
    except KafkaError as error:
        raise PermanentError(f"Kafka at {servers}: {words(error)}") from error


def words(error: KafkaError) -> str:
    """Return the name of an error and its text."""
    name, text = type(error).__name__, str(error)
    return text if text.startswith(name) else f"{name}: {text}".removesuffix(": ")
