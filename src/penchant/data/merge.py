"""Merge rows into the Parquet files of a store, month by month.

An append adds files beside those a month has already, and reads of them only what could repeat.
What a store holds depends on the set of rows alone, whatever batches they came in: each row once,
and where one event id came with different contents, the smallest row in a total order. Once a
month is compacted its bytes depend on its rows alone too.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.engine import Progress
from penchant.data.events import EVENT_SCHEMA
from penchant.data.manifest import EVENTS, File, Manifest, add_file, adopt_file
from penchant.data.quarantine import QUARANTINE_SCHEMA
from penchant.data.sql import identifier, literal, parquet
from penchant.data.staging import PARQUET
from penchant.data.step import Step
from penchant.errors import DataError

RANK = "\x1frank"  # a name that no source has
IDS_A_PASS = 10_000_000  # of a batch, compared with those stored
MANY = 1_000_000  # repeated ids past which nearly all are taken to be: a batch sent again
MOST_FILES = 8  # of a month, before they are made one
ALL = ", ".join(identifier(name) for name in EVENT_SCHEMA.names)
ID = identifier(c.EVENT)


def files_table(
    connection: Backend, store: Path, files: Sequence[File], schema: pa.Schema | None
) -> ir.Table:
    """Table over exactly these files, or an empty one of `schema`; `None` keeps their own columns.

    Raises DataError when a file is missing or cut short.
    """
    for file in files:
        path = store / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise DataError(
                f"'{path}' is missing or cut short, though the manifest lists it. See Store.verify "
                "for all such files; make a new store and append the sources again."
            )
    if not files:
        assert schema is not None
        name = "empty_" + "_".join(schema.names)
        return connection.create_table(name, schema.empty_table(), temp=True, overwrite=True)
    # The folder's month is no column of ours.
    paths = [str(store / file.path) for file in files]
    table = connection.read_parquet(paths, hive_partitioning=False)
    return table if schema is None else table.select(schema.names)


def merge_events(
    connection: Backend,
    store: Path,
    manifest: Manifest,
    fresh: Mapping[int, Sequence[Path]],
    apart: Mapping[int, Sequence[Path]],
    progress: Progress,
) -> Manifest:
    """Put the staged files of a batch, by month, beside what the store holds.

    Returns the manifest that lists both, without what repeats: events held, or held `apart`, in
    quarantine. The staged files are used up.
    """
    held = _by_month(store, manifest)
    known = {m: [*held.get(m, ()), *apart.get(m, ())] for m in held | dict(apart)}
    batch = {month: list(paths) for month, paths in fresh.items()}
    repeated = _find_repeated_ids(connection, batch, known)
    replaced: dict[int, list[Path]] = {}
    for done, month in enumerate(sorted(batch)):
        progress("looking for duplicates", done, len(batch))
        if _repeats(connection, batch[month], known.get(month, []), repeated):
            batch[month] = [_without_repeats(connection, batch[month], known.get(month, []))]
    if repeated and any(map(_rows_of, batch.values())):
        replaced = _settle_rivals(connection, batch, held, repeated)
    gone = {path.relative_to(store).as_posix() for m in replaced for path in held[m]}
    files: list[File] = []
    for done, month in enumerate(sorted(batch | replaced), start=1):
        for path in (*batch.get(month, ()), *replaced.get(month, ())):
            files += _adopted(store, _folder(month), path)
        progress("writing months", done, len(batch | replaced))
    merged = manifest.changed(gone, files)
    return _compacted(connection, store, merged, map(_folder, batch))


def compact_events(
    connection: Backend, store: Path, manifest: Manifest, progress: Progress
) -> Manifest:
    """Write every month anew as one file in a total order, so that bytes depend on rows alone."""
    folders = sorted({file.folder for file in manifest.of(EVENTS)})
    for done, folder in enumerate(folders, start=1):
        manifest = _as_one_file(connection, store, manifest, folder)
        progress("compacting months", done, len(folders))
    return manifest


def remove_events(
    connection: Backend, store: Path, manifest: Manifest, rows: str, scratch: Path
) -> tuple[Manifest, ir.Table]:
    """Take the events of the table `rows`, in the columns of `EVENT_SCHEMA`, out of the store.

    Returns the manifest without them, and those that were there.
    """
    held = _by_month(store, manifest)
    gone: set[str] = set()
    files: list[File] = []
    removed = scratch / "removed"
    removed.mkdir()
    _write(connection, f"SELECT {ALL} FROM {rows} WHERE false", removed / "none.parquet")
    for month in _months(connection, rows) & set(held):
        gone |= {path.relative_to(store).as_posix() for path in held[month]}
        lost = f"SELECT {ALL} FROM {parquet(held[month])} INTERSECT SELECT {ALL} FROM {rows}"
        _write(connection, lost, removed / f"{month}.parquet")
        left = _write_without(connection, held[month], rows, scratch / f"left-{month}.parquet")
        files += _adopted(store, _folder(month), left)
    table = connection.read_parquet(sorted(removed.iterdir()), hive_partitioning=False)
    return manifest.changed(gone, files), table


def merge_rows(
    connection: Backend, store: Path, manifest: Manifest, folder: str, rows: ir.Table
) -> Manifest:
    """Add quarantined rows to those in `folder`, each place and fault once."""
    held = files_table(connection, store, manifest.within(folder), QUARANTINE_SCHEMA)
    return replace_rows(connection, store, manifest, folder, held.union(rows).distinct())


def replace_rows(
    connection: Backend, store: Path, manifest: Manifest, folder: str, rows: ir.Table
) -> Manifest:
    """Put `rows` in the place of all that is in `folder`."""
    written = write_file(connection, store, folder, rows)
    return manifest.replaced([folder], [] if written is None else [written])


def write_file(connection: Backend, store: Path, folder: str, rows: ir.Table) -> File | None:
    """Write `rows` in their total order as one file of `folder`; no rows, no file."""
    ordered = connection.compile(rows.order_by(_total_order(rows)))

    def write(path: Path) -> None:
        connection.raw_sql(f"COPY ({ordered}) TO {literal(str(path))} ({PARQUET})")

    return _described(store, *add_file(store, folder, write))


def one_row_each(rows: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Keep the smallest row, in the total order, of those that share `keys`."""
    place = ibis.row_number().over(group_by=list(keys), order_by=_total_order(rows))
    ranked = rows.mutate(**{RANK: place})
    return ranked.filter(ranked[RANK] == 0).select(*rows.columns)


def _adopted(store: Path, folder: str, path: Path) -> list[File]:
    """Take a file into `folder`; no rows, no file."""
    file = _described(store, *adopt_file(store, folder, path))
    return [] if file is None else [file]


def _described(store: Path, name: str, size: int, digest: str) -> File | None:
    """What the manifest says of a Parquet file, by the statistics in its footer."""
    footer = pq.read_metadata(store / name)
    if not footer.num_rows:
        return None
    times: list[datetime] = []
    names = footer.schema.names
    if name.startswith(f"{EVENTS}/"):
        column = names.index(c.TIME)
        for group in range(footer.num_row_groups):
            statistics = footer.row_group(group).column(column).statistics
            times += [statistics.min, statistics.max]
    first, last = (end(times).isoformat() if times else None for end in (min, max))
    return File(name, footer.num_rows, size, digest, first, last)


def _folder(month: int) -> str:
    return f"{EVENTS}/month={Step.MONTH.start(month):%Y-%m}"


def _by_month(store: Path, manifest: Manifest) -> dict[int, list[Path]]:
    """Files of the events by month."""
    found: dict[int, list[Path]] = {}
    for file in manifest.of(EVENTS):
        year, month = file.folder.rpartition("=")[2].split("-")
        found.setdefault(int(year) * 12 + int(month) - 1, []).append(store / file.path)
    return found


def _find_repeated_ids(
    connection: Backend, batch: Mapping[int, Sequence[Path]], held: Mapping[int, Sequence[Path]]
) -> int:
    """Put the codes of event ids that come more than once into `repeated_ids`; returns how many.

    Stops counting past `MANY`. Codes are hashes of this connection's, so a code may be here by
    chance; what is done about repeats compares the rows themselves.
    """
    fresh = [path for paths in batch.values() for path in paths]
    stored = [path for paths in held.values() for path in paths]
    connection.raw_sql("CREATE OR REPLACE TEMP TABLE repeated_ids (code UBIGINT)")
    if not fresh:
        return 0
    passes = 1 + _rows_of(fresh) // IDS_A_PASS if stored else 1
    found = 0
    for number in range(passes):
        codes, coded = (
            f"SELECT hash({ID}) AS code FROM {parquet(files)} WHERE {ID} IS NOT NULL"
            + (f" AND hash({ID}) % {passes} = {number}" if passes > 1 else "")
            for files in (fresh, stored or fresh)
        )
        twice = _twice(codes)
        if stored:
            twice += f" UNION ALL SELECT code FROM ({codes}) SEMI JOIN ({coded}) USING (code)"
        (count,) = connection.raw_sql(f"INSERT INTO repeated_ids {twice}").fetchone()
        found += int(count)
        if found > MANY:
            break
    return found


def _twice(codes: str) -> str:
    """SQL of the codes that come again; sorting them is quicker than counting each."""
    before = f"SELECT code, lag(code) OVER (ORDER BY code) AS before FROM ({codes})"
    return f"SELECT code FROM ({before}) WHERE code = before"


def _rows_of(files: Sequence[Path]) -> int:
    return sum(pq.read_metadata(path).num_rows for path in files)


def _repeats(
    connection: Backend, fresh: Sequence[Path], held: Sequence[Path], repeated: int
) -> bool:
    """Whether a month's fresh rows may repeat each other or the rows held."""
    files = parquet(fresh)
    among = "true" if repeated > MANY else f"hash({ID}) IN (FROM repeated_ids)"
    if repeated and _count(connection, f"{files} WHERE {ID} IS NOT NULL AND {among}"):
        return True
    if not _count(connection, f"{files} WHERE {ID} IS NULL"):
        return False
    rows = f"SELECT hash({ALL}) AS code FROM {{files}} WHERE {ID} IS NULL"
    codes = rows.format(files=files)
    if _count(connection, f"({_twice(codes)})"):
        return True
    if not held:
        return False
    stored = rows.format(files=parquet(held))
    return bool(_count(connection, f"({codes}) AS fresh SEMI JOIN ({stored}) AS s USING (code)"))


def _count(connection: Backend, rows: str) -> int:
    (count,) = connection.raw_sql(f"SELECT count(*) FROM {rows}").fetchone()
    return int(count)


def _without_repeats(connection: Backend, fresh: Sequence[Path], held: Sequence[Path]) -> Path:
    """Each fresh row once, and none that is held."""
    rows = f"SELECT DISTINCT {ALL} FROM {parquet(fresh)}"
    if held:
        rows += f" EXCEPT SELECT {ALL} FROM {parquet(held)}"
    return _write(connection, rows, fresh[0].with_name("distinct.parquet"))


def _settle_rivals(
    connection: Backend,
    batch: dict[int, list[Path]],
    held: Mapping[int, Sequence[Path]],
    repeated: int,
) -> dict[int, list[Path]]:
    """Keep one of the rows that share an id: the smallest, whichever came first.

    Rewrites the files of `batch` that lose rows, and returns those to put in the place of a month's
    held ones.
    """
    fresh = parquet(path for paths in batch.values() for path in paths)
    among = f"{ID} IS NOT NULL" if repeated > MANY else f"hash({ID}) IN (FROM repeated_ids)"
    connection.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE rival_ids AS SELECT DISTINCT {ID} FROM {fresh} WHERE {among}"
    )
    sources = [f"SELECT {ALL}, false AS held FROM {fresh}"]
    if stored := [path for paths in held.values() for path in paths]:
        sources.append(f"SELECT {ALL}, true AS held FROM {parquet(stored)}")
    order = ", ".join(f"{identifier(name)} NULLS LAST" for name in _order(EVENT_SCHEMA.names))
    connection.raw_sql(
        "CREATE OR REPLACE TEMP TABLE losing_rows AS SELECT * EXCLUDE (place) FROM ("
        f"SELECT *, row_number() OVER (PARTITION BY {ID} ORDER BY {order}) AS place "
        f"FROM ({' UNION ALL '.join(sources)}) SEMI JOIN rival_ids USING ({ID})) WHERE place > 1"
    )
    for month in _months(connection, "losing_rows WHERE NOT held"):
        path = batch[month][0].with_name("winners.parquet")
        batch[month] = [_write_without(connection, batch[month], "losing_rows", path)]
    some = next(path for paths in batch.values() for path in paths)
    return {
        month: [
            _write_without(
                connection, held[month], "losing_rows", some.with_name(f"held-{month}.parquet")
            )
        ]
        for month in _months(connection, "losing_rows WHERE held")
    }


def _months(connection: Backend, rows: str) -> set[int]:
    time = identifier(c.TIME)
    found = connection.raw_sql(
        f"SELECT DISTINCT year({time}) * 12 + month({time}) - 1 FROM {rows}"
    ).fetchall()
    return {month for (month,) in found}


def _write_without(connection: Backend, files: Sequence[Path], rows: str, path: Path) -> Path:
    """Write the rows of `files` that aren't in the table `rows`."""
    same = " AND ".join(
        f"kept.{identifier(name)} IS NOT DISTINCT FROM lost.{identifier(name)}"
        for name in EVENT_SCHEMA.names
    )
    kept = f"SELECT {ALL} FROM {parquet(files)} AS kept ANTI JOIN {rows} AS lost ON {same}"
    return _write(connection, kept, path)


def _write(connection: Backend, rows: str, path: Path) -> Path:
    connection.raw_sql(f"COPY ({rows}) TO {literal(str(path))} ({PARQUET})")
    return path


def _compacted(
    connection: Backend, store: Path, manifest: Manifest, folders: Iterable[str]
) -> Manifest:
    for folder in sorted(folders):
        if len(manifest.within(folder)) > MOST_FILES:
            manifest = _as_one_file(connection, store, manifest, folder)
    return manifest


def _as_one_file(connection: Backend, store: Path, manifest: Manifest, folder: str) -> Manifest:
    rows = files_table(connection, store, manifest.within(folder), EVENT_SCHEMA)
    return replace_rows(connection, store, manifest, folder, rows)


def _order(names: Sequence[str]) -> list[str]:
    """User, time and item, where there are such, then all the rest."""
    leading = [name for name in (c.USER, c.TIME, c.ITEM) if name in names]
    return [*leading, *(name for name in names if name not in leading)]


def _total_order(rows: ir.Table) -> list[ir.Value]:
    return [ibis.asc(rows[name], nulls_first=False) for name in _order(rows.columns)]
