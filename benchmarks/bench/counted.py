"""Data sets of one topic, where only how often a customer comes back is asked: counts.

Peers for these are models of customer lifetimes.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.shops import JOURNEY, Shop
from penchant import columns as c
from penchant.data.cdnow import INSTALL
from penchant.data.package import package_file
from penchant.data.public import PUBLIC
from penchant.interest.history import History, build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import Topics

TO_MONDAY = timedelta(days=5)  # from Wednesday, 1 January 1997
ITEM = "purchase"  # the one item, and the one topic
PEERS = ("history_density", "pareto_nbd", "bg_nbd")


def cdnow_days() -> pa.Table:
    """Days with a purchase of the classic tenth of CDNOW; DataError without lifetimes.

    The first day, a Wednesday, is moved to a Monday, so that 39 weeks are those of the literature.
    """
    lines = package_file("lifetimes", "datasets/CDNOW_sample.txt", INSTALL).read_text().splitlines()
    kept = pa.array(sorted({line.split()[0] for line in lines}))
    events = PUBLIC["cdnow"]().events
    events = events.filter(pc.is_in(events[c.USER], kept))
    moved = pc.add(events[c.TIME], pa.scalar(TO_MONDAY))
    at = events.schema.get_field_index(c.TIME)
    return days(events.set_column(at, events.schema.field(c.TIME), moved))


def journey_days() -> pa.Table:
    """Days on which each household of Complete Journey shopped."""
    return days(PUBLIC[JOURNEY]().events)


def counts_of(days: Callable[[], pa.Table]) -> History:
    """A history of one topic: days with a purchase, by the week."""
    topics = Topics(
        np.array([ITEM]),
        np.array(["all"]),
        pa.table({c.ITEM: [ITEM], c.TOPIC: pa.array([0], pa.int32())}),
        level=1,
    )
    return build_history(ibis.memtable(days()), topics)


def days(events: pa.Table) -> pa.Table:
    """One event for each customer and day, as models of lifetimes count them."""
    table = ibis.memtable(events)
    day = table[c.TIME].truncate("D").cast("timestamp").name(c.TIME)
    keys = table.select(c.USER, c.KIND, c.VALUE, day)
    found = keys.group_by(c.USER, c.KIND, c.TIME).agg(**{c.VALUE: keys[c.VALUE].sum()})
    return found.mutate(**{c.ITEM: ibis.literal(ITEM)}).order_by(c.USER, c.TIME).to_pyarrow()


COUNTED = (
    Shop(
        name="cdnow",
        load=partial(counts_of, cdnow_days),
        days=cdnow_days,
        cutoffs=(39,),
        headline=39,
        panel=False,
        caveats=(
            "39 weeks in, 39 weeks out, and the 2,357 customers of the literature, who first "
            "bought in the first twelve weeks; seven in ten don't buy again in the window. Dates "
            "are moved by five days, so that the weeks are whole.",
            "One topic, so that adoption and cross-entropy say nothing here; `auc` is that of "
            "any purchase, `mae` that of their number.",
            "A recipe that learns from windows that have passed needs more history than the "
            "window is long, and says so here; `cdnow_half` leaves it enough.",
        ),
        peers=PEERS,
        task=Task(windows=(Window(0, 39),)),
    ),
    Shop(
        name="cdnow_half",
        load=partial(counts_of, cdnow_days),
        days=cdnow_days,
        cutoffs=(52,),
        headline=52,
        panel=False,
        caveats=("The same customers: 52 weeks in, 26 weeks out.",),
        peers=PEERS,
        task=Task(windows=(Window(0, 26),)),
    ),
    Shop(
        name="journey_trips",
        load=partial(counts_of, journey_days),
        days=journey_days,
        cutoffs=(40,),
        headline=40,
        panel=False,
        caveats=(
            "Days on which a household of Complete Journey shopped, whatever it bought: one topic. "
            "These households hardly ever leave, so there is little lifetime to model.",
        ),
        peers=PEERS,
        task=Task(windows=(Window(0, 4), Window(0, 12))),
    ),
)
