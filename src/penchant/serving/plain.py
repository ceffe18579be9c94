"""Plain lists, for when no recommender can be read or nobody knows the customer.

What most customers, or most of a segment, engaged in lately; a small segment leans on everyone.
Shapes: U users, I items, G segments, N interactions, C users with items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.interest.interactions import Interactions
from penchant.serving.messages import Suggestion

DAY = 86_400  # seconds
DAYS = 28  # in which an engagement is late enough
LEAN = 50.0  # customers of everyone that a segment is taken to have more
EVERYONE = ""
REASON = "what most customers bought in the last four weeks"


@dataclass(frozen=True)
class Plain:
    """Lists of each segment, and of everyone, as they are sent."""

    content: Mapping[str, bytes]

    def of(self, segment: str) -> bytes:
        """The list of a segment; everyone's where it isn't known."""
        return self.content.get(segment, self.content[EVERYONE])


def plain_lists(past: Interactions, segment_U: Mapping[str, str], slots: int) -> Plain:
    """Count who engaged in what lately; `segment_U` are segments by user."""
    late_N = past.time_N > past.time_N.max(initial=0) - DAYS * DAY
    code_N = past.user_N[late_N].astype(np.int64) * past.shape[1] + past.item_N[late_N]
    user_C, item_C = np.divmod(np.unique(code_N), past.shape[1])
    names = np.array([segment_U.get(user, EVERYONE) for user in past.users_U.tolist()])
    active = np.unique(user_C)
    all_I = np.bincount(item_C, minlength=past.shape[1])
    content = {EVERYONE: _list(past, all_I / max(1, len(active)), slots)}
    for segment in np.unique(names[names != EVERYONE]).tolist():
        mine_C = names[user_C] == segment
        count_I = np.bincount(item_C[mine_C], minlength=past.shape[1])
        own = int((names[active] == segment).sum())
        share_I = (count_I + LEAN * all_I / max(1, len(active))) / (own + LEAN)
        content[segment] = _list(past, share_I, slots)
    return Plain(content)


def _list(past: Interactions, share_I: np.ndarray, slots: int) -> bytes:
    best = np.argsort(-share_I, kind="stable")[:slots]
    items = [
        Suggestion(
            item=str(past.items_I[item]),
            chance=float(share_I[item]),
            source="popular",
            reason=REASON,
        )
        for item in best.tolist()
        if share_I[item] > 0
    ]
    return msgspec.json.encode(items)


def segments(people: pa.Table | None, attribute: str) -> dict[str, str]:
    """The segment of each customer; nothing without people or that attribute of theirs."""
    if people is None or attribute not in people.column_names:
        return {}
    pairs = zip(people[c.USER].to_pylist(), people[attribute].to_pylist(), strict=True)
    return {user: str(value) for user, value in pairs if value is not None}
