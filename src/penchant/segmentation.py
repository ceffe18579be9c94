"""Segments of a workspace: groups now and on an earlier day, by the standing forecast.

Shapes: U users, W windows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.churning import better
from penchant.decisions.groups import Grouping, Moment, group
from penchant.decisions.lifecycle import Lifecycle
from penchant.decisions.offers import Shelf
from penchant.decisions.segments import Segmenting, Segments, match
from penchant.decisions.whole import whole
from penchant.errors import DataError, HistoryError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import build_interactions
from penchant.interest.interest import rows_of
from penchant.interest.model import Model, Recipe
from penchant.interest.task import Task, Window
from penchant.pipeline import standing_forecast
from penchant.recommend.assortment import assortment_of
from penchant.recommend.sight import moment
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

CUSTOMERS, GROUPS = sheet_named("segments"), sheet_named("groups")
CSV, PARQUET = ".csv", ".parquet"  # of an audience
LISTS = (c.WANTS,)  # columns of several texts, which CSV joins


def segment_workspace(workspace: Workspace, back: int | None = None) -> Grouping:
    """Group every customer by stage and by interest, now and some steps back.

    As many steps back as are forecast, unless told. Writes both sheets.
    """
    history, made, model = standing_forecast(workspace)
    task = workspace.task
    found = grouped(history, made, model, task, shelf=shelf_of(workspace, history), back=back)
    days = days_ahead(history, task.horizon)
    write_sheet(workspace, CUSTOMERS, found.customers(), days, found.notes)
    write_sheet(workspace, GROUPS, found.table(), days, found.notes)
    return found


def grouped(
    history: History,
    made: Forecast,
    model: Model,
    task: Task,
    *,
    shelf: Shelf | None = None,
    back: int | None = None,
    lifecycle: Lifecycle | None = None,
    segmenting: Segmenting | None = None,
) -> Grouping:
    """Group the customers of a history by its forecast, and by the model's from some steps back.

    What is earlier goes by today's rules, segments and model.
    """
    rules, horizon = lifecycle or Lifecycle(), replace(task, windows=(Window(0, task.horizon),))
    activity = whole(history)
    recipe = better(activity, horizon)
    visits = _activity(recipe, activity, horizon)
    stages = rules.stages(history, made, visits, task.target)
    segments = (segmenting or Segmenting()).fit(made)
    now = Moment(made, stages, segments.assign(made))
    back = back or task.horizon
    notes, before = [], None
    try:
        past = history.until(history.cutoff - back)
        earlier = model.predict(past)
        # Where visits are forecast now, they must be then: other chances would move stages.
        active = None if visits is None else recipe.fit(whole(past), horizon).predict(whole(past))
        then = rules.stages(past, earlier, active, task.target)
        before = Moment(earlier, then, segments.assign(earlier))
    except HistoryError as error:
        notes.append(
            f"How groups were {made.step.plural(back)} ago can't be told, so there are no trends. "
            f"{error}"
        )
    if before is not None and len(segments.names_G) > 1:
        notes.append(_constancy(now, before, segmenting or Segmenting(), segments, back))
    found = group(now, before, segments, shelf)
    return replace(found, notes=(*found.notes, *notes))


def _activity(recipe: Recipe, activity: History, task: Task) -> Forecast | None:
    """The forecast of visits; None where too few came back to learn from."""
    try:
        return recipe.fit(activity, task).predict(activity)
    except HistoryError:
        return None


def _constancy(
    now: Moment, before: Moment, segmenting: Segmenting, segments: Segments, back: int
) -> str:
    """How constant segments are, when they are found anew in the earlier forecast."""
    number = len(segments.names_G)
    found = replace(segmenting, numbers=(number,), some_agreement=-1.0).fit(before.made)
    if len(found.names_G) < 2:
        return (
            f"Too few customers were there {now.made.step.plural(back)} ago to find segments anew, "
            "so how constant they are can't be told."
        )
    row_U = rows_of(now.made.users_U, before.made.users_U)
    before_U = np.where(row_U >= 0, found.assign(before.made)[row_U], -1)
    matched = match(now.segment_U, before_U, number)
    step = now.made.step
    return (
        f"Found anew in the forecast of {step.plural(back)} ago, the {number} segments match "
        f"today's for {matched.stayed:.0%} of {matched.customers:,} customers (adjusted Rand index "
        f"{matched.agreement:.2f})."
    )


def shelf_of(workspace: Workspace, history: History) -> Shelf | None:
    """What the history's customers bought, and what is known of it; None where nothing is."""
    store = workspace.store()
    try:
        past = build_interactions(store.events(), workspace.settings.forecast.target)
    except HistoryError:
        return None
    past = past.where(past.time_N < moment(history, history.cutoff))
    catalog = store.catalog().to_pyarrow() if store.counts["catalog"] else None
    start, end = days_ahead(history, workspace.task.horizon)
    goods = assortment_of(past, history.topics, catalog)
    return Shelf(past.of(history.interest.users_U), goods, float((end - start).days))


def check_file(path: Path | None, audience: str | None) -> None:
    """Refuse, before anything is computed, a file for no audience or of a format unknown."""
    if path is None:
        return
    if audience is None:
        raise DataError("A file is for one audience. Name the group with --audience.")
    if path.suffix.lower() not in (CSV, PARQUET):
        raise DataError(
            f"An audience is written as {CSV} or {PARQUET}; found '{path.name}'. Name the file so."
        )
    if not path.absolute().parent.is_dir():
        raise DataError(f"There is no folder '{path.parent}' for the audience. Make it first.")


def write_audience(table: pa.Table, path: Path) -> None:
    """Write customers to a CSV or Parquet file, by the ending of its name.

    CSV holds several topics of a customer in one cell, with semicolons between them.
    """
    partial = path.with_name(path.name + ".partial")
    if path.suffix.lower() == PARQUET:
        pq.write_table(table, partial, compression="zstd")
    else:
        csv.write_csv(_flat(table, LISTS), partial)
    partial.replace(path)


def _flat(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        texts = ["; ".join(texts) for texts in table[name].to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(texts, pa.string()))
    return table
