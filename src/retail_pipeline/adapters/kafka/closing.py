"""Closes a producer also while its broker hangs."""

from __future__ import annotations

from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

# How long the sending thread has to end once it must drop what it has, in seconds.
_END_S = 2.0


def drop(producer: KafkaProducer, within_s: float) -> None:
    """Close a producer; what is not acknowledged within ``within_s`` seconds is dropped."""
    try:
        producer.close(timeout=within_s)
    except KafkaTimeoutError:
        # kafka-python gives up then, with all connections open. Its sender has no public name.
        producer._sender.force_close()
        producer._sender.join(_END_S)
        try:
            producer.close(timeout=0)
        except KafkaTimeoutError:
            pass  # the thread, which ends with the process, waits for the broker
