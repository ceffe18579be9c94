"""Bringing data in: sources into a workspace's store, and quarantined rows once more."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from penchant.data.engine import Progress, Tell
from penchant.data.files import find_files
from penchant.data.log import Log
from penchant.data.quarantine import Receipt
from penchant.data.replay import Choice
from penchant.data.store import Store
from penchant.data.tables import is_database
from penchant.errors import DataError
from penchant.settings import FILE
from penchant.workspace import Workspace

OTHERS = ("catalog", "people", "identities", "promotions", "holidays")  # than events


def _silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Ingested:
    """One source put into one table of the store."""

    table: str
    source: str
    receipt: Receipt


def ingest(
    workspace: Workspace, events: Sequence[str] = (), tell: Tell = _silent
) -> list[Ingested]:
    """Put the sources named in the settings, or other `events`, into the store."""
    sources, mapping = workspace.settings.sources, workspace.settings.mapping
    named = tuple(events) or tuple(_beside(workspace, path) for path in sources.events)
    if not named:
        raise DataError(
            f"No events to ingest: name files on the command line, or in {FILE} under "
            '[sources] as events = ["orders.csv"].'
        )
    beside = [getattr(sources, table) for table in OTHERS]
    for path in (*named, *(_beside(workspace, path) for path in beside if path)):
        if not is_database(path):
            find_files(path)  # says what is missing before anything is stored
    store = workspace.store(create=True)
    ingested = []
    for path in named:
        receipt = store.append(
            path,
            mapping.events,
            timezone=workspace.settings.timezone,
            format=sources.format,
            progress=_told(tell, path),
        )
        ingested.append(Ingested("events", path, receipt))
    others: tuple[tuple[str, str | None, Callable[[str], Receipt]], ...] = (
        ("catalog", sources.catalog, lambda at: store.replace_catalog(at, mapping.catalog)),
        ("people", sources.people, lambda at: store.replace_people(at, mapping.people)),
        (
            "identities",
            sources.identities,
            lambda at: store.replace_identities(at, mapping.identities),
        ),
        (
            "promotions",
            sources.promotions,
            lambda at: store.replace_promotions(at, mapping.promotions),
        ),
        ("holidays", sources.holidays, lambda at: store.replace_holidays(at, mapping.holidays)),
    )
    for table, other, replace in others:
        if other is not None:
            tell(f"Reading {other}")
            ingested.append(Ingested(table, other, replace(_beside(workspace, other))))
    return ingested


def replay(
    workspace: Workspace,
    choice: Choice,
    changes: Mapping[str, str] | None = None,
    tell: Tell = _silent,
) -> Receipt:
    """Send quarantined events again, with `changes` to their cells, by the settings of today."""
    return workspace.store().replay(
        choice,
        changes,
        workspace.settings.mapping.events,
        timezone=workspace.settings.timezone,
        progress=_told(tell, "the quarantine"),
    )


def cell_change(text: str) -> tuple[str, str]:
    """Split `column=text`; DataError when there is no column."""
    column, mark, cell = text.partition("=")
    if not mark or not column.strip():
        raise DataError(f"'{text}' says no change. Give the column and its text: time=2024-01-31.")
    return column.strip(), cell


def _told(tell: Tell, path: str) -> Progress:
    return lambda what, done, of: tell(f"{path}: {what}, {100 * done // max(1, of)} %")


def ingest_log(store: Store, log: Log, tell: Tell = _silent) -> Receipt:
    """Put a public data set or a world into a store."""
    tell(f"Storing {len(log.events):,} events")
    receipt = store.append(log.events)
    store.replace_catalog(log.catalog)
    if log.people is not None:
        store.replace_people(log.people)
    if log.promotions is not None:
        tell(f"Storing {len(log.promotions):,} promotions")
        store.replace_promotions(log.promotions)
    if log.holidays is not None:
        store.replace_holidays(log.holidays)
    return receipt


def _beside(workspace: Workspace, path: str) -> str:
    return str(workspace.root / path)
