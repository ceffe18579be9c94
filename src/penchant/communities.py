"""Communities of a workspace: groups by the standing forecast, and by ties where there are any.

Shapes: U users, F ties.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time

from penchant import columns as c
from penchant.data.events import PURCHASE
from penchant.decisions.community import Gathered, gather
from penchant.decisions.ties import SOCIAL, Ties, ties_among, ties_of_likes
from penchant.errors import DataError
from penchant.handed import read_cells
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.interest import rows_of
from penchant.pipeline import standing_forecast
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

COMMUNITY, COMMUNITIES = sheet_named("community"), sheet_named("communities")


def workspace_community(workspace: Workspace, ties_path: str | None = None) -> Gathered:
    """Group a workspace's customers, and write both sheets.

    `ties_path` names a file of who is tied to whom, with the columns `from` and `to`; without it,
    ties are guessed from events of the kind `social`, where there are any.
    """
    history, forecast, _ = standing_forecast(workspace)
    strange = 0
    if ties_path is None:
        events = workspace.store().events()
        social = SOCIAL in history.interest.kinds_K
        past = build_interactions(events, (PURCHASE, SOCIAL)) if social else None
        ties = None if past is None else liked_ties(history, past)
    else:
        ties, strange = ties_among(*read_ties(ties_path), history.interest.users_U)
        if not len(ties.one_F):
            raise DataError(
                f"'{ties_path}' ties no two customers of the store. Are its ids those of the "
                f"events, such as '{history.interest.users_U[0]}'?"
            )
    found = gather(history, forecast, workspace.task.target, ties)
    if strange:
        note = f"{strange:,} ties are of somebody who isn't in the store, and are left out."
        found = replace(found, notes=(*found.notes, note))
    days = days_ahead(history, forecast.windows_W[0].end)
    write_sheet(workspace, COMMUNITY, found.to_table(), days, found.notes)
    write_sheet(workspace, COMMUNITIES, found.groups_table(), days, found.notes)
    return found


def liked_ties(history: History, past: Interactions) -> Ties | None:
    """Ties that likes before the history's end give away, as rows of its users; None without."""
    found = ties_of_likes(past.until(datetime.combine(history.cutoff_date, time())))
    if found is None:
        return None
    row_U = rows_of(past.users_U, history.interest.users_U)
    one_F, other_F = row_U[found.one_F], row_U[found.other_F]
    inside = (one_F >= 0) & (other_F >= 0)
    return Ties(one_F[inside], other_F[inside], known=False)


def read_ties(path: str) -> tuple[Sequence[str], Sequence[str]]:
    """Both ends of each tie of a file; DataError for a missing column or an empty cell."""
    cells = read_cells(path, (c.FROM, c.TO))
    one, other = cells[c.FROM], cells[c.TO]
    empty = sum(not (a and b) for a, b in zip(one, other, strict=True))
    if empty:
        raise DataError(f"{empty:,} rows of '{path}' lack an end; fill them or take them out.")
    return one, other
