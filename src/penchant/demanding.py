"""Demand and stock of a workspace: the standing forecast's sums, what series say, what to hold.

Shapes: T topics, I items, S steps known, H steps ahead, N rows of events.
"""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.accept import NO_USER
from penchant.data.stock import NUMBERS, StockFile, read_stock
from penchant.data.store import Store
from penchant.decisions.demand import Demand, Users, demand
from penchant.decisions.direct import LEAST_STEPS
from penchant.decisions.stock import Inventory, Sales, Stock, check_service, inventory
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles
from penchant.interest.history import History
from penchant.interest.interest import Names, rows_of
from penchant.interest.model import Recipe
from penchant.interest.task import Task
from penchant.pipeline import recipe_named, standing_forecast
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

DEMAND, STOCK = sheet_named("demand"), sheet_named("stock")
NO_STOCK = "No stock was given, so demand is told and nothing of what to hold: see --stock."


@dataclass(frozen=True)
class Planned:
    """Demand, and what to hold where a stock was given."""

    demand: Demand
    inventory: Inventory | None
    model: str  # the recipe whose forecasts were summed
    notes: tuple[str, ...]


def plan(
    workspace: Workspace,
    stock: str | None = None,
    *,
    service: float = 0.95,
    tried: bool = True,
    lift_TH: Doubles | None = None,
) -> Planned:
    """Tell demand from the standing forecast and, of a stock's items, what to hold.

    Writes the sheets. Unless `tried` is false, the model's recipe is fitted once more, to the past
    of one horizon ago, to learn how far its sums are to be followed. Raises what
    `standing_forecast` does, DataError for a stock that can't be read, and HistoryError for too
    short a history.
    """
    check_service(service)
    held = None if stock is None else read_stock(stock, workspace.settings.mapping.stock)
    history, forecast, model = standing_forecast(workspace)
    task = workspace.task
    users = Users.of(history.cutoff, task.windows, forecast.total("users").mean)
    recipe = recipe_named(workspace, model.name)
    tested = earlier_users(history, recipe, task) if tried else ()
    made = demand(history, users, task, tested=tested, lift_TH=lift_TH)
    notes = (*made.notes, *_unplaced(workspace.store(), history, task))
    days = days_ahead(history, task.horizon)
    found = None
    if held is None:
        notes = (*notes, NO_STOCK)
    else:
        found = _inventory(workspace, history, made, held, service)
        write_sheet(workspace, STOCK, found.to_table(), days, found.notes)
    write_sheet(workspace, DEMAND, made.to_table(), days, notes)
    return Planned(made, found, model.name, notes)


def earlier_users(history: History, recipe: Recipe, task: Task) -> tuple[Users, ...]:
    """Users' sums of a recipe fitted to what was known one horizon ago; none for too short a past.

    Costs a fit and a forecast of everyone.
    """
    cutoff = history.cutoff - task.horizon
    if cutoff <= LEAST_STEPS or not (history.interest.step_N < cutoff).any():
        return ()
    past = history.until(cutoff)
    try:
        told = recipe.fit(past, task).predict(past)
    except HistoryError:  # so short a past teaches it nothing
        return ()
    return (Users.of(cutoff, task.windows, told.total("users").mean),)


def item_sales(events: ir.Table, history: History, task: Task, items_I: Names) -> Sales:
    """What was bought of some items in the steps that a history knows."""
    past, steps = history.interest, history.interest.steps
    named = ibis.memtable(pa.table({c.ITEM: pa.array(items_I.tolist(), pa.string())}))
    wanted = events.filter(events[c.KIND].isin(task.target)).semi_join(named, c.ITEM)
    times = wanted[c.QUANTITY].fill_null(1.0)
    placed = wanted.select(
        wanted[c.ITEM],
        past.step.expression(wanted[c.TIME]).name(c.STEP),
        times.name(c.QUANTITY),
        (times * times).name(c.VALUE),
    )
    summed = placed.group_by(c.ITEM, c.STEP).agg(
        **{
            c.ROWS: placed.count(),
            c.QUANTITY: placed[c.QUANTITY].sum(),
            c.VALUE: placed[c.VALUE].sum(),
        }
    )
    rows = summed.to_pyarrow()
    step_N = rows[c.STEP].to_numpy() - past.origin
    inside_N = (step_N >= 0) & (step_N < steps)
    rows, step_N = rows.filter(pa.array(inside_N)), step_N[inside_N]
    order_I = np.argsort(items_I, kind="stable")
    item_N = order_I[rows_of(np.array(rows[c.ITEM].to_pylist(), dtype=np.str_), items_I[order_I])]
    count_IS = np.zeros((len(items_I), steps))
    np.add.at(count_IS, (item_N, step_N), rows[c.ROWS].to_numpy())
    units_I, squares_I = (
        np.bincount(item_N, rows[name].to_numpy(), len(items_I)).astype(np.float64)
        for name in (c.QUANTITY, c.VALUE)
    )
    topic_I = history.topics.of(items_I).astype(np.int64)
    return Sales(topic_I, count_IS, units_I, squares_I)


def _inventory(
    workspace: Workspace, history: History, made: Demand, held: StockFile, service: float
) -> Inventory:
    columns = {name: held.rows[name].to_numpy(zero_copy_only=False) for name in NUMBERS}
    stock = Stock(np.array(held.rows[c.ITEM].to_pylist(), dtype=np.str_), *columns.values())
    task = workspace.task
    sales = item_sales(workspace.store().events(), history, task, stock.items_I)
    count_TS = history.topic_count_TS(task.target).astype(np.float64)
    found = inventory(made, count_TS, sales, stock, service)
    if not held.refused:
        return found
    first = held.refused[0]
    note = (
        f"{len(held.refused):,} rows of the stock can't be used and are left out; the first is row "
        f"{first.row}: {first.reason}."
    )
    return replace(found, notes=(note, *found.notes))


def _unplaced(store: Store, history: History, task: Task) -> tuple[str, ...]:
    """What was bought and is in no number, as far as the store knows of it."""
    notes, quarantine, events = [], store.quarantine(), store.events()
    nobody = int(quarantine.filter(quarantine[c.REASON] == NO_USER).count().to_pyarrow().as_py())
    if nobody:
        notes.append(
            f"{nobody:,} rows without a customer were set aside when they came in; what anonymous "
            "customers buy is in no number here. Give them an id to have them counted."
        )
    target = events.filter(events[c.KIND].isin(task.target))
    placed = history.topics.items.select([c.ITEM])
    strange = target.filter(target[c.ITEM].notnull()).anti_join(ibis.memtable(placed), c.ITEM)
    if count := int(strange.count().to_pyarrow().as_py()):
        notes.append(
            f"{count:,} events are about items that stand in no topic; they are in no number here."
        )
    return tuple(notes)
