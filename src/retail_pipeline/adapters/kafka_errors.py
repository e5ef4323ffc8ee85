"""kafka-python's errors in the pipeline's own terms: worth another try, or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError, RetriableError

from retail_pipeline.errors import PermanentError, TransientError


@contextmanager
def translated(servers: str) -> Iterator[None]:
    """Raise TransientError or PermanentError, with the brokers' address, for Kafka's own errors."""
    try:
        yield
    except RetriableError as error:
        raise TransientError(f"Kafka at {servers} does not answer: {_words(error)}") from error
    except KafkaError as error:
        raise PermanentError(f"Kafka at {servers}: {_words(error)}") from error


def _words(error: KafkaError) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
