"""What the flows rely on in a broker holds for the fakes of the unit tests and for Kafka alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import msgspec
import pytest

from retail_pipeline.adapters.kafka.consumer import GroupConsumer
from retail_pipeline.adapters.kafka.publisher import KafkaPublisher
from retail_pipeline.adapters.kafka.topics import ensure_topics, topic_id
from retail_pipeline.domain.manifest import Manifest
from retail_pipeline.domain.rejection import Rejection
from retail_pipeline.domain.transaction import Transaction
from retail_pipeline.domain.wire import replays
from retail_pipeline.errors import PermanentError, TransientError
from retail_pipeline.flows.ports import Batch, Consumer, Publisher
from retail_pipeline.flows.retry import retrying
from retail_pipeline.settings import Settings
from tests.fakes import FakeConsumer, FakePublisher, manifest, rejection, transaction

LONGEST_S = 30


@dataclass
class Subject:
    """A broker with the three topics: publishers write to it, consumers of one group read."""

    topics: tuple[str, str, str]
    publisher: Publisher
    deliver: Callable[[], None]
    join: Callable[[], Any]
    leave: Callable[[Any], None]

    def send(self, *records: Transaction | Rejection | Manifest) -> None:
        """Publish, and wait until all is acknowledged."""
        for record in records:
            if isinstance(record, Transaction):
                self.publisher.send(record)
            elif isinstance(record, Rejection):
                self.publisher.reject(record)
            else:
                self.publisher.send_manifest(record)
        self.publisher.barrier().wait()
        self.deliver()


def take(consumer: Consumer, records: int) -> Batch:
    """Poll until so many records came; return them as one batch."""
    whole, until = Batch(), time.monotonic() + LONGEST_S
    while len(whole) < records:
        assert time.monotonic() < until, f"{len(whole)} of {records} records came"
        batch = consumer.poll()
        for topic, messages in batch.messages.items():
            whole.messages[topic].extend(messages)
        whole.next_offsets |= batch.next_offsets
        whole.assignment = batch.assignment
    return whole


def settle(*members: GroupConsumer) -> int:
    """Poll until the first member has its share; return how many records came."""
    until, records = time.monotonic() + LONGEST_S, 0
    while not members[0].settled:
        assert time.monotonic() < until, "the member gets no share"
        records += sum(len(member.poll()) for member in members)
    return records


def fake() -> Subject:
    topics = ("tx", "tx.dlq", "tx.manifests")
    publisher, consumer = FakePublisher(), FakeConsumer()

    def deliver() -> None:
        for record in publisher.acknowledged:
            kinds = (Transaction, Rejection, Manifest)
            topic = topics[kinds.index(type(record))]
            if isinstance(record, Transaction) and record.id in publisher.replays:
                consumer.replay(topic, record, publisher.replays[record.id])
            else:
                consumer.add(topic, record)
        publisher.acknowledged.clear()

    def join() -> FakeConsumer:
        consumer.restart()
        return consumer

    return Subject(topics, publisher, deliver, join, lambda consumer: None)


def real(settings: Settings) -> Iterator[Subject]:
    ensure_topics(settings)
    members: list[GroupConsumer] = []

    def join() -> GroupConsumer:
        members.append(GroupConsumer(settings, "tests"))
        return members[-1]

    publisher = KafkaPublisher(settings, "tests")
    topics = (settings.kafka_topic, settings.dead_letter_topic, settings.manifest_topic)
    yield Subject(topics, publisher, lambda: None, join, lambda consumer: members.pop().close())
    publisher.close()
    for member in members:
        member.close()


@pytest.fixture(params=["fake", "kafka"])
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    if request.param == "fake":
        yield fake()
    else:
        yield from real(request.getfixturevalue("fresh"))


def test_each_kind_of_record_arrives_on_its_own_topic_as_it_was_sent(subject: Subject) -> None:
    subject.send(transaction(2), rejection(3), manifest(4))
    batch = take(subject.join(), 3)
    kinds = (Transaction, Rejection, Manifest)
    for topic, kind, sent in zip(
        subject.topics, kinds, (transaction(2), rejection(3), manifest(4)), strict=True
    ):
        [message] = batch.messages[topic]
        assert msgspec.json.decode(message.value or b"", type=kind) == sent


def test_a_record_says_in_a_header_what_it_releases_from_quarantine(subject: Subject) -> None:
    consumer = subject.join()
    subject.publisher.send(transaction(2), replay_of="tx-0:000000007")
    subject.send(transaction(3))
    messages = take(consumer, 2).messages[subject.topics[0]]
    assert replays(messages) == {transaction(2).id: "tx-0:000000007"}
    subject.leave(consumer)


def test_the_lines_of_an_invoice_arrive_in_order(subject: Subject) -> None:
    rows = [transaction(row, InvoiceNo=f"5363{row % 5}") for row in range(2, 102)]
    subject.send(*rows)
    batch = take(subject.join(), 100)
    arrived: dict[str, list[int]] = {}
    for message in batch.messages[subject.topics[0]]:
        record = msgspec.json.decode(message.value or b"", type=Transaction)
        arrived.setdefault(record.InvoiceNo, []).append(record.row)
    assert len(arrived) == 5
    assert all(rows == sorted(rows) and len(rows) == 20 for rows in arrived.values())


def test_what_is_not_committed_comes_again_and_what_is_does_not(subject: Subject) -> None:
    subject.send(transaction(2), transaction(3))
    first = subject.join()
    take(first, 2)
    subject.leave(first)
    second = subject.join()
    second.commit(take(second, 2))
    subject.leave(second)
    subject.send(transaction(4))
    third = subject.join()
    [message] = take(third, 1).messages[subject.topics[0]]
    assert msgspec.json.decode(message.value or b"", type=Transaction).row == 4


def test_a_member_is_at_the_end_once_it_has_fetched_every_record(fresh: Settings) -> None:
    for subject in real(fresh.model_copy(update={"processor_batch_rows": 1})):
        subject.send(transaction(2), transaction(3))
        member = subject.join()
        take(member, 1)
        assert not member.at_end()
        take(member, 1)
        assert member.at_end()


def test_offsets_never_go_back_when_partitions_went_away_and_came_again(fresh: Settings) -> None:
    for subject in real(fresh):
        subject.send(*[transaction(row) for row in (2, 3)])
        mine = subject.join()
        early = take(mine, 2)
        subject.send(*[transaction(row) for row in (4, 5)])
        late = take(mine, 2)
        mine.commit(late)
        other = subject.join()
        settle(other, mine)
        subject.leave(other)
        # Only the owner of their partitions gets these: they are the first member's again.
        subject.send(transaction(6), transaction(7, InvoiceNo="536366"))
        mine.commit(take(mine, 2))
        mine.commit(early)
        subject.leave(mine)
        again = subject.join()
        assert settle(again) == 0
        assert len(again.poll()) == 0


def test_a_poll_without_records_gives_an_empty_batch(subject: Subject) -> None:
    batch = subject.join().poll()
    assert len(batch) == 0 and not batch


# From here on: what only Kafka can show.


def test_a_recreated_topic_has_another_id(fresh: Settings) -> None:
    from retail_pipeline.adapters.kafka.topics import admin_client

    assert len(ensure_topics(fresh)) == 3
    first = topic_id(fresh)
    assert ensure_topics(fresh) == [] and topic_id(fresh) == first
    with admin_client(fresh) as admin:
        admin.delete_topics([fresh.kafka_topic])
    # The broker takes its time to forget: until then it makes no new one of that name.
    retry = retrying(Event(), give_up_after_s=2 * LONGEST_S)
    while fresh.kafka_topic not in retry(ensure_topics, fresh):
        pass
    assert topic_id(fresh) != first


def test_a_record_larger_than_the_limit_is_a_permanent_error(fresh: Settings) -> None:
    ensure_topics(fresh)
    publisher = KafkaPublisher(fresh, "tests")
    with pytest.raises(PermanentError, match="Kafka at"):
        publisher.reject(rejection(2, raw="x" * 2_000_000))
    publisher.close()


def test_a_broker_that_is_away_is_a_transient_error_with_its_address(fresh: Settings) -> None:
    away = fresh.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    for reach in (topic_id, lambda settings: GroupConsumer(settings, "tests")):
        with pytest.raises(TransientError, match="Kafka at 127.0.0.1:1 does not answer"):
            reach(away)
    with pytest.raises(TransientError, match="Kafka at 127.0.0.1:1 does not answer"):
        KafkaPublisher(away, "tests")
