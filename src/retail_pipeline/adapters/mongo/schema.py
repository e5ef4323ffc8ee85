"""The database's collections, validator and indexes, made idempotently."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from retail_pipeline.adapters.mongo.client import Document
from retail_pipeline.adapters.mongo.errors import translated
from retail_pipeline.domain import collections
from retail_pipeline.domain.contract import CONTRACT
from retail_pipeline.domain.fields import CUSTOMER, DATE, DESCRIPTION, PRODUCT

# Raise it when rollups or returns change: every day is then summarised again.
ROLLUP_VERSION = 3

# A stored row is released from quarantine, also where a record only claims to be that row.
_CLAIMS = IndexModel([("claims", ASCENDING)], name="by_claims", sparse=True)
# The dashboard polls for the days that were summarised again.
_REBUILT = IndexModel([("rebuilt_at", ASCENDING), ("_id", ASCENDING)], name="by_rebuild")
# A processor writes a heartbeat every two seconds; one that is a day old is of no use.
_SECONDS_A_HEARTBEAT_IS_KEPT = 86_400
# Whoever sends a probe waits for seconds.
_SECONDS_A_PROBE_IS_KEPT = 3_600
# Each index with the query that needs it; a test has explain() show that it is used.
INDEXES: dict[str, list[IndexModel]] = {
    collections.TRANSACTIONS: [
        # The rebuild of a day, and the latest transactions.
        IndexModel([(DATE, DESCENDING)], name="by_date"),
        # The dashboard's product filter, and the sales that a cancellation may undo.
        IndexModel(
            [(PRODUCT, ASCENDING), (CUSTOMER, ASCENDING), (DATE, ASCENDING)],
            name="by_product",
        ),
        # How many lines have no description: few do, and the others cost nothing here.
        IndexModel(
            [(DATE, ASCENDING)],
            name="by_date_undescribed",
            partialFilterExpression={DESCRIPTION: {"$type": "null"}},
        ),
        # What a customer cancelled on a day and later, for the returns.
        IndexModel(
            [(name, ASCENDING) for name in ("kind", CUSTOMER, DATE, PRODUCT)],
            name="by_cancellation",
            partialFilterExpression={"kind": "cancellation"},
        ),
    ],
    collections.QUARANTINE: [
        # The dead-letter limit: what the processors rejected lately.
        IndexModel([("stage", ASCENDING), ("quarantined_at", DESCENDING)], name="by_stage"),
        # The dashboard's counts by reason, stage and file, from the index alone; and example rows.
        IndexModel(
            [
                ("reason", ASCENDING),
                ("quarantined_at", DESCENDING),
                ("stage", ASCENDING),
                ("name", ASCENDING),
            ],
            name="by_reason",
        ),
        _CLAIMS,
        # What one replay still waits for.
        IndexModel([("replaying", ASCENDING)], name="by_replay", sparse=True),
    ],
    collections.PURGED: [_CLAIMS],
    collections.MANIFESTS: [],
    collections.DIRTY_BUCKETS: [],
    collections.RECONCILIATIONS: [],
    collections.SAMPLE: [],
    collections.PROCESSORS: [
        # MongoDB deletes old ones itself; the dashboard reads the newest.
        IndexModel(
            [("at", DESCENDING)], name="by_age", expireAfterSeconds=_SECONDS_A_HEARTBEAT_IS_KEPT
        ),
    ],
    collections.PROBES: [
        IndexModel(
            [("stored_at", ASCENDING)], name="by_age", expireAfterSeconds=_SECONDS_A_PROBE_IS_KEPT
        ),
    ],
    collections.ORDERS_ROLLUP: [_REBUILT],
    collections.PRODUCTS_ROLLUP: [_REBUILT],
    collections.DUPLICATES_ROLLUP: [_REBUILT],
    collections.RETURNS: [_REBUILT],
}


def validator() -> dict[str, Any]:
    """Return the validator of stored transactions: their fields, types and choices.

    It checks no bounds: producer and processor did, and a third check costs 2 microseconds a row.
    """
    schema = CONTRACT.schema
    fields = {**schema["properties"], **schema["enriched"]}
    return {
        "$jsonSchema": {
            "bsonType": "object",
            "title": f"{schema['title']} v{schema['version']}",
            "required": sorted([*schema["required"], *schema["enriched"]]),
            "properties": {
                name: {word: rule[word] for word in ("bsonType", "enum") if word in rule}
                for name, rule in fields.items()
            },
        }
    }


def ensure_schema(database: Database[Document]) -> list[str]:
    """Create what is missing and update the validator; return the collections created.

    Raises:
        TransientError, PermanentError: MongoDB is away, or refuses.
    """
    made = []
    with translated(database.client):
        for name, indexes in INDEXES.items():
            with suppress(CollectionInvalid):  # it is there already
                database.create_collection(name)
                made.append(name)
            if indexes:
                database[name].create_indexes(indexes)
        database.command(
            "collMod",
            collections.TRANSACTIONS,
            validator=validator(),
            validationLevel="strict",
            validationAction="error",
        )
    return made
