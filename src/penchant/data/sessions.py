"""Sessions: a customer's events with no long pause between them, such as one visit to a shop.

A source's own session or order id is kept in the column `order` and plays no part here: it means
a basket in one source and a visit in another, and baskets of one visit are one session.
"""

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.events import KIND_WEIGHTS, PURCHASE

GAP_MINUTES = 30.0


def with_sessions(events: ir.Table, gap_minutes: float = GAP_MINUTES) -> ir.Table:
    """Add the column `session`, which numbers each user's sessions from 1 in order of time.

    A session ends where the next event comes more than `gap_minutes` later, by whole seconds.
    Events of one second are in one session, so the order of rows doesn't matter. Sorts the events
    by user and time.
    """
    timed = events.mutate(second=events[c.TIME].epoch_seconds().floor().cast("int64"))
    by_second = {"group_by": timed[c.USER], "order_by": timed["second"]}
    pause = timed["second"] - timed["second"].lag().over(ibis.window(**by_second))
    begins = (pause > 60 * gap_minutes).fill_null(True).cast("int64")
    marked = timed.mutate(begins=begins)
    # A range takes in all events of a second, whichever of them `lag` saw first.
    until_now = ibis.range_window(following=0, group_by=marked[c.USER], order_by=marked["second"])
    session = marked["begins"].sum().over(until_now).cast("int64").name(c.SESSION)
    return marked.select(*events.columns, session)


def session_table(events: ir.Table) -> ir.Table:
    """Sum up the sessions that `with_sessions` numbered: one row a session, by user and number.

    Columns: user, session; start and end, the first and the last event's time; events; a count for
    each well-known kind, under its name; items, the different ones touched; dwell, the seconds that
    the source measured, null if none; converted, whether anything was purchased. Events with a
    column topic, joined on by the caller, also give topics, the different ones touched.
    """
    kinds = {name: (events[c.KIND] == name).cast("int64").sum() for name in KIND_WEIGHTS}
    touched = {"items": events[c.ITEM].nunique()}
    if c.TOPIC in events.columns:
        touched["topics"] = events[c.TOPIC].nunique()
    return (
        events.group_by(c.USER, c.SESSION)
        .agg(
            events[c.TIME].min().name(c.START),
            events[c.TIME].max().name(c.END),
            events=events.count(),
            **kinds,
            **touched,
            dwell=events[c.DWELL].sum(),
            converted=(events[c.KIND] == PURCHASE).any(),
        )
        .order_by(c.USER, c.SESSION)
    )
