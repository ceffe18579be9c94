"""Rows that can't be used, kept with their place and reason, and the receipt that counts them."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Mapping as Counts
from dataclasses import dataclass, field

import pyarrow as pa

from penchant import columns as c
from penchant.data.manifest import QUARANTINE

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
SET_ASIDE = "the store"  # source of events that a rule moved here after they were accepted
WIRE = "the wire"  # source of events that were sent to a server
NOT_UTF8 = "line not in UTF-8, read as Windows-1252"


@dataclass(frozen=True)
class Receipt:
    """What became of every row sent: accepted + duplicate + quarantined = sent.

    `duplicate` counts rows the store held already and repeats within the batch; `reasons` counts
    the quarantined rows by their reason, and `repaired` the accepted rows that needed a repair, by
    their first, and the lines that weren't UTF-8. `format` names the known source, if it is one.
    """

    sent: int
    accepted: int
    duplicate: int
    quarantined: int
    reasons: Counts[str, int] = field(default_factory=dict)
    repaired: Counts[str, int] = field(default_factory=dict)
    format: str | None = None

    def __post_init__(self) -> None:
        assert min(self.sent, self.accepted, self.duplicate, self.quarantined) >= 0
        assert self.accepted + self.duplicate + self.quarantined == self.sent
        assert sum(self.reasons.values()) == self.quarantined


def total(receipts: Iterable[Receipt]) -> Receipt:
    """The receipt of several batches together."""
    batches = list(receipts)
    return Receipt(
        sent=sum(batch.sent for batch in batches),
        accepted=sum(batch.accepted for batch in batches),
        duplicate=sum(batch.duplicate for batch in batches),
        quarantined=sum(batch.quarantined for batch in batches),
        reasons=_added(batch.reasons for batch in batches),
        repaired=_added(batch.repaired for batch in batches),
    )


def _added(counts: Iterable[Counts[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for count in counts:
        added.update(count)
    return dict(sorted(added.items()))


def aside(table: str) -> str:
    """Folder of a store that keeps the rows meant for `table`."""
    return f"{QUARANTINE}/{table}"
