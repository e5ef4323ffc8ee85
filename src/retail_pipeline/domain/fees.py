"""Stock codes that stand for no product: postage, fees, manual entries and the like.

They are lines as others are, and count in net sales; whoever looks at goods alone can leave them
out. The list is that of the UCI Online Retail data set.
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
