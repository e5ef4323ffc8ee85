"""The names of the database's collections; no other module spells them."""

from __future__ import annotations

TRANSACTIONS = "transactions"
QUARANTINE = "quarantine"
PURGED = "purged"
MANIFESTS = "manifests"
# One document for each dirty day.
DIRTY_BUCKETS = "dirty_buckets"
RECONCILIATIONS = "reconciliations"
PROCESSORS = "processors"
# The probes that processors stored lately; no figure counts them.
PROBES = "probes"
# A note that other data has replaced the sample.
SAMPLE = "sample"
ORDERS_ROLLUP = "rollup_orders_daily"
PRODUCTS_ROLLUP = "rollup_products_daily"
DUPLICATES_ROLLUP = "rollup_duplicates_daily"
ROLLUPS = (ORDERS_ROLLUP, PRODUCTS_ROLLUP, DUPLICATES_ROLLUP)
RETURNS = "returns"
