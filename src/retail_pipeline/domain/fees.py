"""Stock codes that are no products: postage, fees, manual entries and the like.

Their lines count in net sales; views of goods can leave them out. The list is that of the UCI
Online Retail dataset.
"""

from __future__ import annotations

FEES: dict[str, str] = {
    "AMAZONFEE": "Amazon fee",
    "B": "Bad debt",
    "BANK CHARGES": "Bank charges",
    "C2": "Carriage",
    "CRUK": "Charity commission",
    "D": "Discount",
    "DOT": "Dotcom postage",
    "M": "Manual entry",
    "POST": "Postage",
    "S": "Samples",
    "m": "Manual entry",
}
