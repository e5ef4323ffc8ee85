"""The fields of a transaction by what they are for; queries and keys take their names from here."""

from __future__ import annotations

from retail_pipeline.domain.collections import DUPLICATES_ROLLUP, ORDERS_ROLLUP, PRODUCTS_ROLLUP
from retail_pipeline.domain.contract import DATASET_FIELDS

# Short names: PRODUCT is StockCode, UNITS is Quantity.
INVOICE, PRODUCT, DESCRIPTION, UNITS, DATE, PRICE, CUSTOMER, COUNTRY = DATASET_FIELDS
# Added by the processor: units times price, and what the line is to the business.
AMOUNT, KIND = "TotalAmount", "kind"
MONEY = (PRICE, AMOUNT)
# Lines that agree in these are exact duplicates.
LINE_IDENTITY = DATASET_FIELDS
# What an entry of each rollup is about. ``hour`` is that of the date, ``fee`` whether the product
# is a fee code, ``guest`` whether there is no customer.
ROLLUP_KEYS: dict[str, tuple[str, ...]] = {
    ORDERS_ROLLUP: (INVOICE, "hour", CUSTOMER, COUNTRY, "fee", KIND),
    PRODUCTS_ROLLUP: (PRODUCT, COUNTRY, "guest", KIND),
    DUPLICATES_ROLLUP: (INVOICE, PRODUCT, "hour", CUSTOMER, COUNTRY, KIND),
}
