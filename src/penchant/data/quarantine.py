"""Rows that can't be used, kept with their place and reason, and the receipt that counts them."""

from collections.abc import Mapping as Counts
from dataclasses import dataclass, field

import pyarrow as pa

from penchant import columns as c

QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field(c.SOURCE, pa.string(), nullable=False),  # the file's path, or what was handed in
        pa.field(c.ROW, pa.int64(), nullable=False),  # from 1, the header not counted
        pa.field(c.FIELD, pa.string()),  # null when the whole row is at fault
        pa.field(c.REASON, pa.string(), nullable=False),
        pa.field(c.CONTENT, pa.string(), nullable=False),  # the row as it came, JSON
    ]
)
MALFORMED = "malformed line"


@dataclass(frozen=True)
class Receipt:
    """What became of every row sent: accepted + duplicate + quarantined = sent.

    `duplicate` counts rows the store held already and repeats within the batch; `reasons` counts
    the quarantined rows by their reason.
    """

    sent: int
    accepted: int
    duplicate: int
    quarantined: int
    reasons: Counts[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert min(self.sent, self.accepted, self.duplicate, self.quarantined) >= 0
        assert self.accepted + self.duplicate + self.quarantined == self.sent
        assert sum(self.reasons.values()) == self.quarantined
