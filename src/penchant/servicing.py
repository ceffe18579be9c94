"""Services of a workspace: what to offer beside the goods, and the complements behind it.

Shapes: N interactions, I items, T topics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.decisions.complements import (
    COMPLEMENTS_SCHEMA,
    WITHIN,
    Complements,
    complements,
    items_seen,
    topics_seen,
)
from penchant.decisions.replenishment import due
from penchant.decisions.services import Services, check_forecast, services
from penchant.decisions.usual import name_usual
from penchant.decisions.warranty import dear_purchases
from penchant.errors import HistoryError
from penchant.interest.counts import Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.pipeline import standing_forecast
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

SERVICES, COMPLEMENTS = sheet_named("services"), sheet_named("complements")
MOST_ITEMS = 300  # those with most customers, among which complements are looked for
TOPIC_LEVEL, ITEM_LEVEL = c.TOPIC, c.ITEM


@dataclass(frozen=True)
class Offered:
    """Services, and the complements among topics and among items."""

    services: Services
    complements: pa.Table


def workspace_services(workspace: Workspace, within: int = WITHIN) -> Offered:
    """Offer services to every customer by the standing forecast; writes both sheets."""
    history, forecast, _ = standing_forecast(workspace)
    kinds = workspace.task.target
    past = build_interactions(workspace.store().events(), kinds)
    found = offer(history, forecast, past, kinds, within)
    days = days_ahead(history, forecast.windows_W[0].end)
    notes = found.services.notes
    write_sheet(workspace, SERVICES, found.services.to_table(), days, notes)
    write_sheet(workspace, COMPLEMENTS, found.complements, days, notes)
    return found


def offer(
    history: History,
    forecast: Forecast,
    past: Interactions,
    kinds: Sequence[str],
    within: int = WITHIN,
) -> Offered:
    """Offer services to every customer of a history; `past` are interactions of those kinds."""
    check_forecast(history, forecast)
    past = past.until(datetime.combine(history.cutoff_date, time()))
    ahead = forecast.windows_W[0].end
    pairs = _pairs(history, kinds, within)
    found = services(
        history,
        forecast,
        kinds,
        due(history, kinds, ahead),
        pairs,
        dear_purchases(history, past, kinds),
    )
    tables = [COMPLEMENTS_SCHEMA.empty_table()]
    if pairs is not None:
        topics_T = history.interest.topics_T
        tables += [pairs.to_table(TOPIC_LEVEL, topics_T), item_table(history, past, within)]
    return Offered(name_usual(found, history, past), pa.concat_tables(tables))


def _pairs(history: History, kinds: Sequence[str], within: int) -> Complements | None:
    """Complements among topics, None where the past is too short."""
    try:
        return complements(topics_seen(history.interest, kinds), within)
    except HistoryError:
        return None


def item_table(history: History, past: Interactions, within: int) -> pa.Table:
    """Complements among the items with most customers; those without a topic are left out."""
    steps = history.cutoff
    seen = items_seen(past, steps_of(history, past), steps, MOST_ITEMS)
    found = complements(seen, within)
    code_T = history.topics.of(seen.names_T)  # of the items seen
    names_T = np.where(code_T < 0, "", history.interest.topics_T[code_T])
    table = found.to_table(ITEM_LEVEL, names_T)
    return table.filter(pc.not_equal(table[c.TOPIC], ""))


def steps_of(history: History, past: Interactions) -> Integers:
    """Step of each interaction, 0 = the history's origin."""
    step, origin = history.interest.step, history.interest.origin
    day_N, place_N = np.unique(past.time_N // 86_400, return_inverse=True)
    start = date(1970, 1, 1)
    index = [step.index_of(start + timedelta(days=int(day))) - origin for day in day_N]
    return np.array(index, dtype=np.int64)[place_N]
