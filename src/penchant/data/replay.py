"""Into the quarantine and out of it: rows corrected and sent again, events set aside.

A quarantined row keeps its place and its content. Sent again it is judged like any other, by
today's mapping; it leaves the quarantine when it is accepted or when the store holds it already.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data import manifest as m
from penchant.data.engine import Progress
from penchant.data.events import EVENT_SCHEMA
from penchant.data.files import PLAIN
from penchant.data.ingest import Asked, Work, append_events
from penchant.data.lines import json_path
from penchant.data.manifest import Manifest
from penchant.data.mapping import DAY_MARK
from penchant.data.mapping import Mapping as EventMapping
from penchant.data.merge import files_table, merge_rows, remove_events, replace_rows
from penchant.data.quarantine import (
    MALFORMED,
    QUARANTINE_SCHEMA,
    SET_ASIDE,
    Receipt,
    aside,
    total,
)
from penchant.data.sql import Relation, identifier, literal, parquet
from penchant.data.values import as_content
from penchant.errors import DataError, suggest

MALFORMED_KEYS = {"line", "error"}  # of the content of a malformed line
FOLDER = aside(m.EVENTS)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which quarantined rows: all those that fit what is given.

    Malformed lines and events set aside by a rule are among them only where a reason or rows are
    given, or `everything` is asked for; sent again, a malformed line needs cells, by `changes`. A
    source may be given by the end of its path.
    """

    reason: str | None = None
    source: str | None = None
    rows: tuple[int, ...] = ()
    everything: bool = False

    def of(self, quarantined: ir.Table) -> ir.Table:
        """The chosen rows of a quarantine."""
        chosen = quarantined
        if self.reason is not None:
            chosen = chosen.filter(chosen[c.REASON] == self.reason)
        elif not self.rows and not self.everything:
            chosen = chosen.filter(chosen[c.REASON] != MALFORMED, chosen[c.SOURCE] != SET_ASIDE)
        if self.source is not None:
            chosen = chosen.filter(chosen[c.SOURCE].endswith(self.source))
        if self.rows:
            chosen = chosen.filter(chosen[c.ROW].isin(self.rows))
        return chosen


def replay(
    work: Work, choice: Choice, changes: Mapping[str, str], asked: Asked, progress: Progress
) -> tuple[Manifest, Receipt]:
    """Send quarantined events again, with `changes` made to their cells.

    Returns the store's new manifest and what became of the chosen rows. Raises DataError when none
    is chosen.
    """
    wanted = choice.of(_held(work))
    if not changes:  # a malformed line has no cells of its own
        wanted = wanted.filter(wanted[c.REASON] != MALFORMED)
    chosen = work.connection.create_table("chosen_rows", wanted, temp=True)
    if not chosen.count().execute():
        raise DataError(
            "No row in quarantine fits. `penchant quarantine list` says what is there. A malformed "
            "line needs its cells to be given, as in --set user=ann --set time=2024-01-31."
        )
    manifest = _without(work, chosen)
    receipts = []
    for number, (keys, at_hand) in enumerate(_alike(work)):
        scratch = work.scratch / str(number)
        scratch.mkdir()
        part = replace(work, manifest=manifest, scratch=scratch)
        mapping = EventMapping() if at_hand else _fitting(asked.mapping, keys)
        relation = _relation(work, number, keys, at_hand, _by_column(changes, mapping, keys))
        fitting = replace(asked, mapping=mapping, format=PLAIN)
        manifest, receipt = append_events(part, relation, fitting, progress)
        receipts.append(receipt)
    return manifest, total(receipts)


def drop(work: Work, choice: Choice) -> tuple[Manifest, int]:
    """Throw quarantined events away; returns the store's new manifest and how many there were."""
    manifest = _without(work, choice.of(_held(work)))
    return manifest, work.manifest.rows(FOLDER) - manifest.rows(FOLDER)


def set_aside(work: Work, events: ir.Table) -> tuple[Manifest, int]:
    """Move stored events into the quarantine; `events` has their columns, a field and a reason.

    Returns the store's new manifest and how many events were moved.
    """
    path = work.scratch / "set-aside.parquet"
    events.to_parquet(path)
    given = work.connection.read_parquet(path, hive_partitioning=False)
    manifest, removed = remove_events(
        work.connection, work.store, work.manifest, parquet([path]), work.scratch
    )
    names = EVENT_SCHEMA.names
    # What isn't held can't be moved, and of one event's faults the first is told.
    told = given.group_by(names).agg(**{name: given[name].min() for name in (c.REASON, c.FIELD)})
    rows = told.semi_join(removed, [told[name].identical_to(removed[name]) for name in names])
    held = _held(work)
    last = held.filter(held[c.SOURCE] == SET_ASIDE)[c.ROW].max().fill_null(0).as_scalar()
    number = ibis.row_number().over(order_by=[rows[name] for name in names]) + 1 + last
    quarantined = rows.select(
        ibis.literal(SET_ASIDE).name(c.SOURCE),
        number.cast("int64").name(c.ROW),
        rows[c.FIELD],
        rows[c.REASON],
        as_content({name: rows[name] for name in names}).name(c.CONTENT),
    )
    moved = work.manifest.rows(m.EVENTS) - manifest.rows(m.EVENTS)
    return merge_rows(work.connection, work.store, manifest, FOLDER, quarantined), moved


def _held(work: Work) -> ir.Table:
    files = work.manifest.within(FOLDER)
    return files_table(work.connection, work.store, files, QUARANTINE_SCHEMA)


def _without(work: Work, rows: ir.Table) -> Manifest:
    """The store's manifest with `rows` taken out of the quarantine."""
    left = _held(work).anti_join(rows, [c.SOURCE, c.ROW, c.REASON, c.CONTENT])
    return replace_rows(work.connection, work.store, work.manifest, FOLDER, left)


def _alike(work: Work) -> list[tuple[tuple[str, ...], bool]]:
    """Columns of the chosen rows, and whether they are events set aside; each kind once."""
    found = work.connection.raw_sql(
        f"SELECT DISTINCT json_keys({c.CONTENT}) AS keys, {c.SOURCE} = {literal(SET_ASIDE)} "
        "FROM chosen_rows ORDER BY ALL"
    ).fetchall()
    return [(tuple(keys), at_hand) for keys, at_hand in found]


def _relation(
    work: Work,
    number: int,
    keys: tuple[str, ...],
    at_hand: bool,
    changes: Mapping[str, str],
) -> Relation:
    """The chosen rows of the columns `keys`, with `changes` to them."""
    listed, name = ", ".join(map(literal, keys)), f"sent_rows_{number}"
    changed = f"json_merge_patch({c.CONTENT}, {literal(json.dumps(dict(changes)))})::VARCHAR"
    work.connection.raw_sql(
        f"CREATE TEMP TABLE {name} AS SELECT * REPLACE ({changed} AS {c.CONTENT}) "
        f"FROM chosen_rows WHERE json_keys({c.CONTENT}) = [{listed}] "
        f"AND ({c.SOURCE} = {literal(SET_ASIDE)}) = {at_hand}"
    )
    columns = (*keys, *(key for key in changes if key not in keys))
    return Relation(
        name,
        columns,
        "the quarantine",
        {key: f"json_extract_string({c.CONTENT}, {json_path(key)})" for key in columns},
        numbered=name,
        line=f"relation.{identifier(c.ROW)}",
        source=f"relation.{c.SOURCE}",
    )


def _fitting(mapping: EventMapping, keys: Sequence[str]) -> EventMapping:
    """The mapping, or none for rows that a known format has put into our columns already."""
    try:
        mapping.resolve(keys)
    except DataError:
        return EventMapping() if {c.USER, c.TIME, c.ITEM} <= set(keys) else mapping
    return mapping


def _by_column(
    changes: Mapping[str, str], mapping: EventMapping, keys: Sequence[str]
) -> dict[str, str]:
    """Changes by the source's own columns; ours stand for those that the mapping gives them.

    Only to a malformed line, which has no columns, are new ones added.
    """
    if set(keys) <= MALFORMED_KEYS:
        return dict(changes)
    names = mapping.resolve(keys)
    spelt = {key.lower(): key for key in keys}
    by_column = {}
    for name, text in changes.items():
        ours = names.get(name.lower(), "").partition(DAY_MARK)[0]
        column = spelt.get(name.lower()) or (ours if ours in keys else None)
        if column is None:
            raise DataError(
                f"The rows have no column '{name}'. Found: {', '.join(keys)}. {suggest(name, keys)}"
            )
        by_column[column] = text
    return by_column
