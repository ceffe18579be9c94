"""The event table: one row for each thing a customer did.

Kinds are an open set: any lower-case word is one. The known kinds carry a weight, which says how
much one such event tells of interest next to one purchase.
"""

import pyarrow as pa

from penchant import columns as c

KIND_WEIGHTS: dict[str, float] = {  # the most frequent first
    "view": 0.1,
    "impression": 0.0,
    "purchase": 1.0,
    "cart": 0.4,
    "search": 0.2,
    "favourite": 0.4,
    "social": 0.2,
    "redeem": 1.0,
    "return": -1.0,
    "visit": 0.0,  # a page or session that is about no item
}
PURCHASE, RETURN, REDEEM, IMPRESSION = "purchase", "return", "redeem", "impression"
ABOUT_ITEMS = (PURCHASE, RETURN, REDEEM, "cart", "favourite", "view", IMPRESSION, "search")
KIND_SYNONYMS: dict[str, str] = {  # other people's words, lower-case
    "pv": "view",
    "click": "view",
    "page_view": "view",
    "product_view": "view",
    "add_to_cart": "cart",
    "addtocart": "cart",
    "basket": "cart",
    "fav": "favourite",
    "favorite": "favourite",
    "wishlist": "favourite",
    "buy": "purchase",
    "bought": "purchase",
    "order": "purchase",
    "sale": "purchase",
    "transaction": "purchase",
    "refund": "return",
    "returned": "return",
    "coupon": "redeem",
    "exposure": IMPRESSION,
    "share": "social",
}

EVENT_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.ITEM, pa.string()),  # null for a search or a visit without an item
        pa.field(c.TIME, pa.timestamp("us"), nullable=False),  # the shop's wall clock
        pa.field(c.KIND, pa.string(), nullable=False),
        pa.field(c.VALUE, pa.float64()),  # money, in the shop's currency, for the whole row
        pa.field(c.QUANTITY, pa.float64()),  # units
        pa.field(c.ORDER, pa.string()),  # basket, order or session
        pa.field(c.QUERY, pa.string()),  # what was searched for
        pa.field(c.DWELL, pa.float64()),  # seconds
        pa.field(c.EVENT, pa.string()),  # the source's own id of the event, when it has one
    ]
)
