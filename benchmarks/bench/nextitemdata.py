"""Sequences to say the next item of: the ones S3-Rec published, and their dates where known.

Shapes: U users, I items, N interactions.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from penchant.errors import DataError
from penchant.interest.interactions import Interactions, Times
from penchant.interest.interest import Codes
from penchant.recommend.assortment import DAY

BEAUTY, TOYS = "Beauty", "Toys_and_Games"


@dataclass(frozen=True)
class Case:
    """What was known, and which item came next to each user."""

    past: Interactions
    next_U: Codes


def undated(folder: Path, name: str, most: int | None = None) -> Interactions:
    """The first `most` sequences, in the order published; an event's day is its place."""
    path = folder / f"{name}.txt.gz"
    if not path.exists():
        raise DataError(f"There is no {path}: pass the folder of the sequences as --data.")
    with gzip.open(path, "rt") as file:
        histories = [line.split()[1:] for line in file][:most]
    user_N = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    place_N = np.concatenate([np.arange(len(history)) for history in histories])
    return gathered(user_N, np.concatenate(histories).astype(np.int64), place_N * DAY)


def dated(folder: Path, name: str, most: int | None = None) -> Interactions:
    """The same with their dates, a day a basket; events without a date are left out."""
    columns = ("s3_user_id", "s3_item_id", "timestamp")
    table = pq.read_table(folder / f"{name}_with_time.parquet", columns=list(columns)).drop_null()
    user_N, item_N, time_N = (table[column].to_numpy() for column in columns)
    kept_N = user_N <= (most or user_N.max())
    return gathered(user_N[kept_N], item_N[kept_N], time_N[kept_N])


def gathered(user_N: Codes, item_N: Codes, time_N: Times) -> Interactions:
    """Interactions of events in the order given within each user; a day of a user is a basket."""
    order_N = np.argsort(user_N, kind="stable")
    users, user_N = np.unique(user_N[order_N], return_inverse=True)
    items, item_N = np.unique(item_N[order_N], return_inverse=True)
    time_N = time_N[order_N].astype(np.int64)
    fresh_N = np.diff(user_N, prepend=0) | np.diff(time_N // DAY, prepend=time_N[0] // DAY)
    nothing_N = np.zeros(len(user_N), dtype=np.float32)
    return Interactions(
        users_U=np.array([f"{user:06d}" for user in users]),
        items_I=np.array([f"{item:06d}" for item in items]),
        kinds_K=("review",),
        user_N=user_N.astype(np.int32),
        item_N=item_N.astype(np.int32),
        kind_N=nothing_N.astype(np.int32),
        time_N=time_N,
        basket_N=np.cumsum(fresh_N != 0).astype(np.int32),
        quantity_N=nothing_N + 1,
        money_N=nothing_N,
    )


def left_out(whole: Interactions) -> Case:
    """Everything before each user's last event, and that event."""
    place_U = whole.start_U[1:] - 1
    kept_N = np.arange(len(whole.user_N)) < place_U[whole.user_N]
    return Case(whole.where(kept_N), whole.item_N[place_U])


@dataclass(frozen=True)
class Future:
    """What was known at a date of users who came back, and all that they did then."""

    past: Interactions  # of everybody
    known: Interactions  # of those who were known and came back
    after: Interactions  # of the same


def split(whole: Interactions, share: float, until: float) -> Future:
    """Cut time where a share of the events has passed; what comes past `until` is unknown."""
    now, end = np.quantile(whole.time_N, (share, until)).astype(np.int64)
    past = whole.where(whole.time_N < now)
    after = whole.where((whole.time_N >= now) & (whole.time_N <= end))
    back_U = np.flatnonzero((np.diff(past.start_U) > 0) & (np.diff(after.start_U) > 0))
    return Future(past, past.only(back_U), after.only(back_U))
