"""What the same client libraries reach with no pipeline around them: the yardstick.

Three lines of work each: no validation, no identity, no exact money, no summaries. Settings of the
clients are those of the pipeline, so that only the work differs.

    python -m bench.bare produce FILE      every row of a CSV file as JSON, keyed by invoice
    python -m bench.bare drain ROWS        JSON into MongoDB until so many rows are stored
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
from collections.abc import Iterator

from kafka import KafkaConsumer, KafkaProducer
from pymongo import MongoClient

TOPIC, GROUP = os.environ["KAFKA_TOPIC"], os.environ["KAFKA_GROUP"]
SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]


def read(path: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file, plain or gzip."""
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", newline="") as stream:
        yield from csv.DictReader(stream)


def produce(path: str) -> None:
    """Send every row."""
    producer = KafkaProducer(
        bootstrap_servers=SERVERS, compression_type="lz4", batch_size=256 * 1024, linger_ms=50
    )
    for row in read(path):
        producer.send(TOPIC, json.dumps(row).encode(), row["InvoiceNo"].encode())
    producer.flush()
    producer.close()


def drain(rows: int) -> None:
    """Store records until there are ``rows`` of them."""
    client: MongoClient[dict[str, str]] = MongoClient(os.environ["MONGO_WRITER_URI"])
    collection = client[os.environ["MONGO_DATABASE"]].bare
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=SERVERS,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=5_000,
        fetch_max_wait_ms=200,
        fetch_min_bytes=64 * 1024,
    )
    stored = 0
    while stored < rows:
        records = [record for of in consumer.poll(timeout_ms=500).values() for record in of]
        if records:
            collection.insert_many([json.loads(record.value) for record in records], ordered=False)
            consumer.commit()
            stored += len(records)
    consumer.close()


if __name__ == "__main__":
    produce(sys.argv[2]) if sys.argv[1] == "produce" else drain(int(sys.argv[2]))
