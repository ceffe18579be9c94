"""A store: a folder of Parquet files that holds what a shop has told, and what it couldn't.

    manifest.json      which files count, their rows and hashes
    events/month=…/    a file or more each month
    catalog/ people/ promotions/ holidays/
    quarantine/…/      rows that couldn't be used, by the table they were meant for

One process writes at a time; any number read. A table reads what the manifest listed when it was
opened, and can do so until the second commit after that.
"""

import fcntl
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as Changes
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import available_timezones

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data import manifest as m
from penchant.data.accept import (
    GRACE,
    Verdict,
    accept_catalog,
    accept_holidays,
    accept_identities,
    accept_people,
    accept_promotions,
)
from penchant.data.calendar import HOLIDAY_SCHEMA, PROMOTION_SCHEMA
from penchant.data.catalog import CATALOG_SCHEMA
from penchant.data.engine import Progress, connect, session, untold
from penchant.data.events import EVENT_SCHEMA
from penchant.data.files import PLAIN
from penchant.data.identity import (
    IDENTITY_SCHEMA,
    Identities,
    resolve_identities,
    with_identities,
)
from penchant.data.ingest import Asked, Work, append_events, replace_table
from penchant.data.manifest import File, Manifest
from penchant.data.mapping import (
    AnyMapping,
    CatalogMapping,
    HolidayMapping,
    IdentityMapping,
    Mapping,
    PeopleMapping,
    PromotionMapping,
)
from penchant.data.merge import compact_events, files_table, merge_rows, one_row_each
from penchant.data.people import people_table
from penchant.data.quarantine import QUARANTINE_SCHEMA, Receipt, aside
from penchant.data.reading import Reading, Source
from penchant.data.replay import Choice, drop, replay, set_aside
from penchant.errors import DataError, LockedError, suggest

LOCK = ".lock"
PEOPLE_SCHEMA = pa.schema([pa.field(c.USER, pa.string(), nullable=False)])


@dataclass(frozen=True)
class Store:
    """An existing store. Raises DataError when `path` isn't one or is of another version.

    Its tables are Ibis tables on `connection`, and can be joined with each other.
    """

    path: Path
    connection: Backend = field(default_factory=connect, repr=False, compare=False)
    _resolved: dict[tuple[File, ...], Identities] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        m.load(self.path)

    @classmethod
    def create(cls, path: str | Path) -> "Store":
        """Make an empty store; DataError when the folder holds something already."""
        folder = Path(path)
        if (folder / m.MANIFEST).is_file():
            raise DataError(f"'{folder}' is a store already; use Store.open.")
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise DataError(f"'{folder}' isn't an empty folder; give a new one for the store.")
        folder.mkdir(parents=True, exist_ok=True)
        m.save(folder, Manifest())
        return cls(folder)

    @classmethod
    def open(cls, path: str | Path) -> "Store":
        """Open an existing store."""
        return cls(Path(path))

    @property
    def manifest(self) -> Manifest:
        """The manifest as it stands now."""
        return m.load(self.path)

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        manifest = self.manifest
        return {table: manifest.rows(table) for table in m.TABLES}

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """Times of the first and the last event, or None without events."""
        files = self.manifest.of(m.EVENTS)
        first = [file.first for file in files if file.first]
        last = [file.last for file in files if file.last]
        if not first:
            return None
        return datetime.fromisoformat(min(first)), datetime.fromisoformat(max(last))

    def events(self) -> ir.Table:
        """Events by customer, in the columns of `EVENT_SCHEMA`.

        Where identities are known, a customer's aliases are put under the one id.
        """
        logged = self.logged()
        return with_identities(logged, self._aliases()) if self._identified else logged

    def logged(self) -> ir.Table:
        """Events under the ids they were logged with."""
        return self._table(m.EVENTS, EVENT_SCHEMA)

    def identities(self) -> Identities:
        """Which ids are one customer's, and the aliases that several claim."""
        files = self.manifest.of(m.IDENTITIES)
        if files not in self._resolved:  # seconds, for a million pairs
            pairs = files_table(self.connection, self.path, files, IDENTITY_SCHEMA)
            self._resolved[files] = resolve_identities(pairs.to_pyarrow())
        return self._resolved[files]

    def catalog(self) -> ir.Table:
        """The catalog, one row an item."""
        return self._table(m.CATALOG, CATALOG_SCHEMA)

    def people(self) -> ir.Table:
        """Customer attributes, one row a customer; only the column `user` when there are none."""
        held = self.manifest.of(m.PEOPLE)
        schema = None if held else PEOPLE_SCHEMA
        people = files_table(self.connection, self.path, held, schema)
        if not held or not self._identified:
            return people
        return one_row_each(with_identities(people, self._aliases()), [c.USER])

    def promotions(self) -> ir.Table:
        """Promotions of items, past and known in advance."""
        return self._table(m.PROMOTIONS, PROMOTION_SCHEMA)

    def holidays(self) -> ir.Table:
        """Holidays, past and to come."""
        return self._table(m.HOLIDAYS, HOLIDAY_SCHEMA)

    def quarantine(self) -> ir.Table:
        """Rows that couldn't be used: source, row, field, reason and content as JSON."""
        return self._table(m.QUARANTINE, QUARANTINE_SCHEMA)

    def verify(self) -> tuple[str, ...]:
        """Recompute every hash; says of each damaged file what is wrong, nothing when all is well.

        Reads every byte of the store.
        """
        return m.damage(self.path, self.manifest)

    def append(
        self,
        source: Source,
        mapping: Mapping | None = None,
        *,
        timezone: str = "UTC",
        format: str | None = None,
        now: datetime | None = None,
        progress: Progress = untold,
    ) -> Receipt:
        """Add events; those the store holds already are counted as duplicates, and not added.

        `timezone` is the shop's: times that carry a zone are put on its wall clock, and what lies
        more than a day after `now`, by default the clock's time there, is refused. `format` names
        a known source (`data.sources`); without a mapping a file's is recognised. `progress` is
        called with what is being done, how far, and out of how much. Raises DataError when the
        source can't be read or lacks a column, or when another process is writing.
        """
        if timezone not in available_timezones():
            hint = suggest(timezone, available_timezones()) if timezone else ""
            near = hint if hint.startswith("Did") else "Give one such as 'Europe/Berlin'."
            raise DataError(f"There is no time zone '{timezone}'. {near}")
        known = format or (PLAIN if mapping not in (None, Mapping()) else None)
        asked = Asked(mapping=mapping or Mapping(), timezone=timezone, format=known, now=now)
        with self._writing() as work:
            merged, receipt = append_events(work, source, asked, progress)
            m.save(self.path, merged)
        return receipt

    def absorb(self, events: pa.Table, refused: pa.Table) -> tuple[Manifest, Manifest]:
        """Add events that were judged before, in our columns, and rows as the quarantine has them.

        What is held already is not added again, so that repeating it changes nothing. Returns the
        manifest before and after. Raises LockedError when another process is writing.
        """
        judged = Asked(mapping=Mapping(), format=PLAIN, now=datetime.max - GRACE)
        with self._writing() as work:
            merged = work.manifest
            if events.num_rows:
                merged, _ = append_events(work, events, judged, untold)
            if refused.num_rows:
                # In files any column may be null, and tables of other schemas can't be joined up.
                fields = [field.with_nullable(True) for field in QUARANTINE_SCHEMA]
                rows = refused.cast(pa.schema(fields))
                rows = work.connection.create_table("refused", rows, temp=True)
                merged = merge_rows(work.connection, self.path, merged, aside(m.EVENTS), rows)
            m.save(self.path, merged)
        return work.manifest, merged

    def compact(self, *, progress: Progress = untold) -> None:
        """Make each month one file, in an order that depends on its rows alone.

        Two compacted stores of the same events are the same, byte for byte. Rewrites every event.
        """
        with self._writing() as work:
            m.save(self.path, compact_events(work.connection, self.path, work.manifest, progress))

    def replay(
        self,
        choice: Choice,
        changes: Changes[str, str] | None = None,
        mapping: Mapping | None = None,
        *,
        timezone: str = "UTC",
        now: datetime | None = None,
        progress: Progress = untold,
    ) -> Receipt:
        """Send quarantined events again, with `changes` made to their cells (column → text).

        A row leaves the quarantine when it is accepted now, or is held already; another keeps its
        place there, with the changes and its new reason.
        """
        asked = Asked(mapping=mapping or Mapping(), timezone=timezone, now=now)
        with self._writing() as work:
            merged, receipt = replay(work, choice, changes or {}, asked, progress)
            m.save(self.path, merged)
        return receipt

    def drop(self, choice: Choice) -> int:
        """Throw quarantined events away for good, and return how many there were."""
        with self._writing() as work:
            merged, dropped = drop(work, choice)
            m.save(self.path, merged)
        return dropped

    def set_aside(self, events: ir.Table) -> int:
        """Move events into the quarantine and return how many were there to be moved.

        `events` are rows of `logged`, with a field and a reason as further columns.
        """
        with self._writing() as work:
            merged, moved = set_aside(work, events)
            m.save(self.path, merged)
        return moved

    def replace_catalog(
        self, source: Source, mapping: CatalogMapping | None = None, *, format: str | None = None
    ) -> Receipt:
        """Put a catalog in the place of the old one; of an item's rows the smallest stays."""
        accept = partial(accept_catalog, mapping=mapping or CatalogMapping())
        return self._replace(m.CATALOG, source, accept, mapping, keys=[c.ITEM], format=format)

    def replace_people(
        self, source: Source, mapping: PeopleMapping | None = None, *, format: str | None = None
    ) -> Receipt:
        """Put customer attributes in the place of the old ones.

        Raises DataError when a customer has rows that differ.
        """

        def accept(reading: Reading) -> Verdict:
            verdict = accept_people(reading, mapping or PeopleMapping())
            people_table(verdict.accepted.distinct().to_pyarrow())
            return verdict

        return self._replace(m.PEOPLE, source, accept, mapping, format=format)

    def replace_identities(self, source: Source, mapping: IdentityMapping | None = None) -> Receipt:
        """Put identities, pairs of an alias and a user, in the place of the old ones."""
        accept = partial(accept_identities, mapping=mapping or IdentityMapping())
        return self._replace(m.IDENTITIES, source, accept, mapping)

    def replace_promotions(
        self, source: Source, mapping: PromotionMapping | None = None
    ) -> Receipt:
        """Put promotions in the place of the old ones."""
        accept = partial(accept_promotions, mapping=mapping or PromotionMapping())
        return self._replace(m.PROMOTIONS, source, accept, mapping)

    def replace_holidays(self, source: Source, mapping: HolidayMapping | None = None) -> Receipt:
        """Put holidays in the place of the old ones."""
        accept = partial(accept_holidays, mapping=mapping or HolidayMapping())
        return self._replace(m.HOLIDAYS, source, accept, mapping)

    def _replace(
        self,
        table: str,
        source: Source,
        accept: Callable[[Reading], Verdict],
        mapping: AnyMapping | None,
        *,
        keys: Sequence[str] = (),
        format: str | None = None,
    ) -> Receipt:
        known = format or (None if mapping is None or mapping == type(mapping)() else PLAIN)
        with self._writing() as work:
            replaced, receipt = replace_table(work, table, source, accept, keys=keys, format=known)
            m.save(self.path, replaced)
        return receipt

    @property
    def _identified(self) -> bool:
        return bool(self.manifest.of(m.IDENTITIES))

    def _aliases(self) -> ir.Table:
        return ibis.memtable(self.identities().resolved)

    def _table(self, table: str, schema: pa.Schema) -> ir.Table:
        return files_table(self.connection, self.path, self.manifest.of(table), schema)

    @contextmanager
    def _writing(self) -> Iterator[Work]:
        """Hold the store's lock, with what a writer needs."""
        scratch = self.path / f"{m.PENDING}{uuid.uuid4().hex}"
        with (self.path / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(
                    f"Another process is writing to '{self.path}'. Wait until it is done."
                ) from error
            scratch.mkdir()
            try:
                with session(scratch / "spill") as connection:
                    yield Work(connection, self.path, self.manifest, scratch)
            except duckdb.Error as error:
                raise DataError(
                    f"The work on '{self.path}' stopped: {str(error).splitlines()[0]}. The store "
                    "is as it was before. `penchant check` says whether a file is damaged."
                ) from error
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
