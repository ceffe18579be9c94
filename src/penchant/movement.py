"""Movement: who moved between topics, the events behind it, and what is forecast to move next.

Shapes: U users, T topics, N topics that moved in a change.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.errors import DataError, suggest
from penchant.interest.counts import Flags, Integers
from penchant.interest.flow import FLOW_SCHEMA, Flow, forecast_flow, observed_flow, period_flows
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.migration import RATE, Migrations, migrations
from penchant.interest.stationary import lookback
from penchant.interest.succession import Succession, learn_bond, succession
from penchant.interest.task import Task
from penchant.models.gamma_poisson import GammaPoisson
from penchant.pipeline import customers_rows, standing_forecast, workspace_history
from penchant.workspace import Workspace

MOST_EVENTS = 40  # shown of those behind one change
SUCCESSIONS = 5  # of a customer in a window
CANDIDATES = 400  # pairs they are chosen from
REGULAR = 3  # steps of the look-back with an engagement, for a topic to be given up
QUARTERS = 4  # periods of a year
UNKNOWN = "not known"
BEFORE = "before"  # P(the topic entered comes before the one left, if either comes)

Rows = Integers


@dataclass(frozen=True)
class Segment:
    """Customers alike in one attribute, and how their interest moved lately."""

    name: str
    customers: int
    changed: int
    moved: float  # part of their interest
    largest: dict[str, Any] | None  # the largest flow: from, to, share, chance


def movement(
    workspace: Workspace,
    *,
    rate: float = RATE,
    top: int = 10,
    segment: str | None = None,
    customers: Sequence[str] = (),
) -> dict[str, Any]:
    """What moved and, if a model was fitted, what is forecast to move, as plain facts.

    Keeps every move and flow in the workspace. `segment` is an attribute of customers to compare
    them by; of `customers` the events behind each change are told.
    """
    task = workspace.task
    history, ahead = _history_and_forecast(workspace)
    row_U = customers_rows(history, customers)
    if segment:
        _check_attribute(history, segment)
    found = migrations(history, task.target, rate=rate)
    shown: dict[str, Any] = {
        "customers": len(found.users_U),
        "changed": int(found.called_U.sum()),
        "changes": len(found.user_C),
        "rate": rate,
        "observed": flow_facts(recent_flow(history, found, task), top),
        "topics": topic_balance(found, recent_start(history)),
        "paths": write_movement(workspace, history, found),
    }
    if ahead is not None and len(task.windows) > 1:
        shown["forecast"] = flow_facts(forecast_flow(ahead), top)
    if segment:
        shown["segments"] = segments(history, found, task, segment)
    if customers:
        shown["evidence"] = evidence(workspace, history, found, row_U)
        if ahead is not None:
            shown["successions"] = successions(history, ahead, task, row_U)
    return shown


def _history_and_forecast(workspace: Workspace) -> tuple[History, Forecast | None]:
    """The history, and the forecast of the saved model if one was fitted."""
    if not workspace.model_folder.exists():
        return workspace_history(workspace), None
    history, made, _ = standing_forecast(workspace)
    return history, made


def write_movement(workspace: Workspace, history: History, found: Migrations) -> dict[str, Any]:
    """Keep every move and the flows of every quarter in the workspace; returns the paths."""
    moves, flows = (workspace.folder / f"{name}.parquet" for name in ("migrations", "flows"))
    steps = max(1, workspace.task.step.per_year // QUARTERS)
    periods = period_flows(history, found, workspace.task.target, steps)
    tables = [flow.to_table() for flow in periods] or [FLOW_SCHEMA.empty_table()]
    for path, table in ((moves, found.to_table()), (flows, pa.concat_tables(tables))):
        partial = path.with_suffix(".parquet.partial")  # what was there stays until it is whole
        pq.write_table(table, partial)
        partial.replace(path)
    return {"moves": moves, "flows": flows}


def recent_flow(history: History, found: Migrations, task: Task, row_U: Rows | None = None) -> Flow:
    """The flow of the last year, or of what is known."""
    return observed_flow(history, found, task.target, recent_start(history), history.cutoff, row_U)


def recent_start(history: History) -> int:
    """First step of the last year, or of what is known: a call takes months of baskets after."""
    return max(0, history.cutoff - history.interest.step.per_year)


def flow_facts(flow: Flow, top: int) -> dict[str, Any]:
    """The period of a flow, how much moved, and the largest flows between topics."""
    pairs = [
        {
            c.FROM: str(flow.topics_T[left]),
            c.TO: str(flow.topics_T[entered]),
            c.SHARE: part,
            c.CHANCE: float(flow.transition_TT[left, entered]),
        }
        for left, entered, part in flow.pairs(top)
    ]
    return {c.START: flow.start, c.END: flow.end, "moved": flow.moved, "pairs": pairs}


def topic_balance(found: Migrations, start: int) -> list[dict[str, Any]]:
    """Changes since a step in which each topic was taken up, and in which it was left."""
    inside_N = found.step_C[found.change_N] >= start
    topics = len(found.topics_T)
    entered_T, left_T = (
        np.bincount(found.topic_N[inside_N & side_N], minlength=topics)
        for side_N in (found.shift_N > 0, found.shift_N < 0)
    )
    order_T = np.lexsort((left_T - entered_T, -(entered_T + left_T)))
    return [
        {
            c.TOPIC: str(found.topics_T[t]),
            "entered": int(entered_T[t]),
            "left": int(left_T[t]),
        }
        for t in order_T
        if entered_T[t] + left_T[t]
    ]


def segments(history: History, found: Migrations, task: Task, column: str) -> list[Segment]:
    """How the interest of customers with each value of an attribute moved, the largest first.

    DataError if the table of people has no such column.
    """
    people = _check_attribute(history, column)
    place_U = pc.index_in(pa.array(history.interest.users_U), people[c.USER])
    value_U = people[column].take(place_U).cast(pa.string()).fill_null(UNKNOWN).to_pylist()
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(value_U):
        rows.setdefault(value, []).append(row)
    active_U = _active_U(history, task)
    made = [
        _segment(name, np.array(mine), history, found, task)
        for name, mine in rows.items()
        if active_U[mine].any()
    ]
    return sorted(made, key=lambda one: -one.customers)


def _check_attribute(history: History, column: str) -> pa.Table:
    """The table of people, which has the attribute."""
    people = history.people
    if people is None:
        raise DataError(
            f"No attributes of customers are known, so none is called '{column}'. "
            "Name a file of people under [sources] in penchant.toml, and run `penchant ingest`."
        )
    known = [name for name in people.column_names if name != c.USER]
    if column not in known:
        raise DataError(f"There is no attribute '{column}' of customers. {suggest(column, known)}")
    return people


def _active_U(history: History, task: Task) -> Flags:
    """Whether each user had an engagement in the last year."""
    count_UT = history.interest.count_UT(task.target, recent_start(history), history.cutoff)
    return count_UT.sum(axis=1) > 0


def _segment(name: str, row_U: Rows, history: History, found: Migrations, task: Task) -> Segment:
    flow = recent_flow(history, found, task, row_U)
    largest = next(iter(flow_facts(flow, 1)["pairs"]), None)
    return Segment(name, len(row_U), int(found.called_U[row_U].sum()), flow.moved, largest)


def successions(
    history: History, forecast: Forecast, task: Task, row_U: Rows
) -> list[dict[str, Any]]:
    """What regular topic is likeliest to give way to what for some customers, in each window.

    The bond between a customer's topics is learned by a recipe that counts, at an earlier cutoff,
    where there is one.
    """
    earlier = history.cutoff > task.horizon
    bond = learn_bond(GammaPoisson(), history, task) if earlier else 0.0
    ahead = succession(history.only(row_U), forecast.only(row_U), task.target, bond)
    regular = _regular(history, task, row_U)
    rows = [
        row
        for window in task.windows
        for row in _with_order(ahead, ahead.top(CANDIDATES, window))
        if (row[c.USER], row[c.FROM]) in regular
    ]
    place = {user: row for row, user in enumerate(ahead.forecast.users_U.tolist())}
    return sorted(_each_topic_once(rows), key=lambda row: place[row[c.USER]])


def _regular(history: History, task: Task, row_U: Rows) -> set[tuple[str, str]]:
    """Customers and topics with engagements in at least `REGULAR` steps of the look-back."""
    mine = history.interest.only(row_U)
    recent_N = mine.step_N >= history.cutoff - lookback(mine.step)
    steps_UT = mine.sum_UT((recent_N & (mine.target_N(task.target) > 0)).astype(np.float32))
    return {
        (str(mine.users_U[user]), str(mine.topics_T[topic]))
        for user, topic in zip(*np.nonzero(steps_UT >= REGULAR), strict=True)
    }


def _each_topic_once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The likeliest pairs, each topic of a customer and window in one of them."""
    named: set[tuple[str, ...]] = set()
    count: Counter[tuple[str, str]] = Counter()
    kept = []
    for row in rows:
        place = (row[c.USER], row[c.WINDOW])
        ends = {(*place, row[c.FROM]), (*place, row[c.TO])}
        if named.isdisjoint(ends) and count[place] < SUCCESSIONS:
            named |= ends
            count[place] += 1
            kept.append(row)
    return kept


def _with_order(ahead: Succession, pairs: pa.Table) -> list[dict[str, Any]]:
    """Pairs as plain rows, with the chance that the second topic comes before the first.

    That needs windows that follow each other; without them it is None.
    """
    rows: list[dict[str, Any]] = pairs.to_pylist()
    if not ahead.contiguous:
        return [{**row, BEFORE: None} for row in rows]
    made = ahead.forecast
    user_N, from_N, to_N = (
        pc.index_in(pairs[name].combine_chunks(), pa.array(known)).to_numpy().astype(np.int64)
        for name, known in ((c.USER, made.users_U), (c.FROM, made.topics_T), (c.TO, made.topics_T))
    )
    first_N = ahead.order(user_N, from_N, to_N).b_first_given_either_N
    return [{**row, BEFORE: float(chance)} for row, chance in zip(rows, first_N, strict=True)]


def evidence(
    workspace: Workspace, history: History, found: Migrations, row_U: Rows
) -> list[dict[str, Any]]:
    """Each change called of the customers at `row_U`, with the moves and the events behind it.

    The events are those in the topics that moved, the latest before the change and the first after
    it.
    """
    changes = np.flatnonzero(np.isin(found.user_C, row_U))
    return [_behind(workspace, history, found, int(change)) for change in changes]


def _behind(
    workspace: Workspace, history: History, found: Migrations, change: int
) -> dict[str, Any]:
    user = str(found.users_U[found.user_C[change]])
    when = found.step.start(found.origin + int(found.step_C[change]))
    moves = found.moves
    rows = [
        {
            c.FROM: _name(found, int(moves.from_M[m])),
            c.TO: _name(found, int(moves.to_M[m])),
            c.SHARE: float(moves.share_M[m]),
        }
        for m in np.flatnonzero(moves.change_M == change)
    ]
    topics = [
        {
            c.TOPIC: str(found.topics_T[found.topic_N[n]]),
            "before": int(found.before_N[n]),
            "after": int(found.after_N[n]),
            "shift": float(found.shift_N[n]),
            "evidence": float(found.evidence_N[n]),
        }
        for n in np.flatnonzero(found.change_N == change)
    ]
    code_T = found.topic_N[found.change_N == change]
    events = _events(workspace, history, user, code_T, datetime.combine(when, time()))
    return {
        c.USER: user,
        c.DATE: when,
        c.CHANCE: float(found.rate_C[change]),
        "moves": rows,
        "topics": topics,
        "events": events,
    }


def _name(found: Migrations, topic: int) -> str | None:
    return None if topic < 0 else str(found.topics_T[topic])


def _events(
    workspace: Workspace, history: History, user: str, code_T: Sequence[int], when: datetime
) -> list[dict[str, Any]]:
    """Events of a user in some topics around a day, in order of time."""
    store, items = workspace.store(), history.topics.items
    mine = items.filter(pc.is_in(items[c.TOPIC], pa.array(code_T, items[c.TOPIC].type)))
    events = store.events()
    asked = events.filter((events[c.USER] == user) & events[c.KIND].isin(workspace.task.target))
    found = asked.inner_join(ibis.memtable(mine), c.ITEM)
    if store.counts["catalog"]:
        catalog = store.catalog()
        titles = catalog.group_by(c.ITEM).agg(catalog[c.TITLE].max().name(c.TITLE))
        found = found.left_join(titles, c.ITEM)
    named = [name for name in (c.TIME, c.KIND, c.ITEM, c.TITLE, c.TOPIC) if name in found.columns]
    side = {}
    for name, among, order in (
        ("before", found[c.TIME] < when, ibis.desc(c.TIME)),
        ("after", found[c.TIME] >= when, ibis.asc(c.TIME)),
    ):
        part = found.filter(among).select(*named).order_by(order, c.ITEM).limit(MOST_EVENTS // 2)
        side[name] = part.to_pyarrow().to_pylist()
    rows = side["before"][::-1] + side["after"]
    return [{**row, c.TOPIC: str(history.topics.names_T[row[c.TOPIC]])} for row in rows]
