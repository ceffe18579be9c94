"""Where interest has moved and will: flows between topics, the changes called, drifting cohorts.

Shapes: T topics, P periods, C changes, N topics that moved in a change.
"""

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Column, Form, Leaf, Notes, Section, Table, Tile, Tiles
from penchant.dashboard.chord import chord
from penchant.dashboard.drift import drift_chart
from penchant.dashboard.sankey import between_groups, period, sankey
from penchant.interest.drift import drift
from penchant.interest.flow import Flow, forecast_flow, observed_flow
from penchant.interest.forecast import Forecast
from penchant.interest.halflife import departments
from penchant.interest.history import History
from penchant.interest.interest import Names
from penchant.interest.migration import Migrations, migrations
from penchant.interest.task import Task
from penchant.movement import recent_start

SHOWN = 15  # called changes in the table
MOST_NAMES = 3  # topics of one change on either side
FEW_TOPICS = 25  # up to so many, moves are drawn between topics; above, between departments
LEAST_GROUPS = 3
LEAST_MOVES = 3  # for a circle of them


def migration_section(history: History, forecast: Forecast, task: Task) -> Section:
    """The section on migration. Costs a scan of every customer: seconds for thousands."""
    found = migrations(history, task.target)
    lead = (
        "Whose interest has moved from topics to topics, more than a small basket's chance "
        "explains, and where the forecast takes it."
    )
    blocks: list[Leaf] = []
    start = recent_start(history)
    changed = len(np.unique(found.user_C[found.step_C >= start]))
    if changed:
        observed = observed_flow(history, found, task.target, start, history.cutoff)
        expected = forecast_flow(forecast) if len(task.windows) > 1 else None
        blocks += [Tiles(_tiles(found, changed, observed, expected))]
        group_T, noun = _groups(history), "topic"
        if group_T is not None:
            observed = between_groups(observed, group_T)
            expected = None if expected is None else between_groups(expected, group_T)
            noun = "department"
        if observed.moved > 0:
            circle = chord(observed, noun=noun)
            blocks.append(sankey(observed, expected, noun=noun))
            blocks += [circle] if len(circle.rows) >= LEAST_MOVES else []
        blocks.append(changes_table(found))
    else:
        blocks.append(Notes((_none(found, task, start, history),)))
    if history.interest.target_N(task.target).any():
        drifted = drift(history, task.target)
        if np.isfinite(drifted.everybody.similarity_P).any():
            blocks.append(drift_chart(drifted))
    return Section("migration", "Who moves from what to what", lead, tuple(blocks))


def _none(found: Migrations, task: Task, start: int, history: History) -> str:
    called = int(found.called_U.sum())
    before = f" Earlier, {numbers.several(called, 'customer')} changed." if called else ""
    return (
        f"No change was called in the last {task.step.plural(history.cutoff - start)}: what "
        f"customers do differently is within the chance of their baskets.{before}"
    )


def _tiles(
    found: Migrations, changed: int, observed: Flow, expected: Flow | None
) -> tuple[Tile, ...]:
    called, users = int(found.called_U.sum()), len(found.users_U)
    movers = numbers.several(changed, "customer")
    tiles = (
        Tile(
            "Customers who changed",
            numbers.count(called),
            f"{numbers.share(called / users)} of {numbers.count(users)}, in all that is known",
        ),
        Tile(
            "Called in error",
            f"≤{numbers.SPACE}{numbers.share(found.rate)}",
            "of the changes called, on average",
        ),
        Tile(
            "Interest moved",
            numbers.share(observed.moved),
            f"of all, to another topic, by {movers}, {period(observed)}",
        ),
    )
    if expected is None:
        return tiles
    ahead = Tile(
        "Forecast to move",
        numbers.share(expected.moved),
        f"of all, from the first window to the last, {period(expected)}; not only what would be "
        "called a change",
    )
    return (*tiles, ahead)


def _groups(history: History) -> Names | None:
    """Departments of the topics, where topics are too many to be drawn."""
    if len(history.topics) <= FEW_TOPICS:
        return None
    found_T = departments(history.topics)
    return found_T if len(set(found_T.tolist())) >= LEAST_GROUPS else None


def changes_table(found: Migrations) -> Table:
    """The called changes, surest first: who, when, what they left and what they took up."""
    order_C = np.lexsort((found.step_C, found.rate_C))[:SHOWN]
    rows = []
    for change in order_C:
        in_N = np.flatnonzero(found.change_N == change)
        in_N = in_N[np.argsort(-np.abs(found.shift_N[in_N]), kind="stable")]
        left, entered = (
            [
                f"{found.topics_T[found.topic_N[n]]} ({numbers.share(abs(found.shift_N[n]))})"
                for n in in_N
                if np.sign(found.shift_N[n]) == side
            ]
            for side in (-1, 1)
        )
        rows.append(
            (
                str(found.users_U[found.user_C[change]]),
                found.step.start(found.origin + int(found.step_C[change])),
                _listed(left),
                _listed(entered),
                float(found.rate_C[change]),
            )
        )
    return Table(
        "changes",
        "The surest changes",
        (
            Column("Customer"),
            Column("Around", Form.DAY),
            Column("Left", Form.PROSE),
            Column("Took up", Form.PROSE),
            Column("False", Form.SHARE),
        ),
        rows,
        f"{len(rows)} of {numbers.several(len(found.user_C), 'change')} called. In brackets, the "
        "part of the customer's engagements that the topic lost or gained. False is the part of "
        "the changes down to this one that is none, on average.",
    )


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    text = ", ".join(names[:MOST_NAMES]) or "nothing in particular"
    return f"{text} and {more} more" if more > 0 else text
