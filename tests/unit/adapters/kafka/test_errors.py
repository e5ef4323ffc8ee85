"""What Kafka refuses for a while is tried again; what it refuses for good ends the process."""

from __future__ import annotations

import pytest
from kafka import errors

from retail_pipeline.adapters.kafka.errors import translated
from retail_pipeline.errors import PermanentError, TransientError


@pytest.mark.parametrize(
    "error",
    [
        errors.KafkaTimeoutError("no answer"),
        errors.KafkaStorageError("the disk is full"),
        errors.NotEnoughReplicasError(),
        errors.OutOfOrderSequenceNumberError("after a crash"),
        errors.UnknownProducerIdError(),
        errors.InvalidProducerEpochError(),
        errors.CorruptRecordError(),
        errors.UnknownError("while it stops"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_is_tried_again(error: errors.KafkaError) -> None:
    with pytest.raises(TransientError, match=f"here:9092 .*{type(error).__name__}"):
        with translated("here:9092"):
            raise error


@pytest.mark.parametrize(
    "error",
    [
        errors.TopicAuthorizationFailedError(),
        errors.MessageSizeTooLargeError(),
        errors.InvalidTopicError(),
        errors.UnsupportedVersionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_stays_ends_the_process(error: errors.KafkaError) -> None:
    with pytest.raises(PermanentError, match=f"here:9092: {type(error).__name__}"):
        with translated("here:9092"):
            raise error


def test_the_name_of_an_error_is_written_once() -> None:
    with pytest.raises(TransientError) as raised, translated("here:9092"):
        raise errors.KafkaTimeoutError("no answer")
    assert str(raised.value) == "Kafka at here:9092 does not answer: KafkaTimeoutError: no answer"
