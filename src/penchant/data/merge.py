"""Merge a batch of rows into the Parquet files of a store, month by month.

The result depends on the set of rows alone: each file holds its distinct rows in a total order, so
the same rows give the same bytes whatever batches they came in. Where one event id came with
different contents, the smallest row in that order stays.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from penchant import columns as c
from penchant.data.events import EVENT_SCHEMA
from penchant.data.manifest import EVENTS, File, Manifest, add_file
from penchant.data.quarantine import QUARANTINE_SCHEMA
from penchant.data.step import Step
from penchant.errors import DataError

Progress = Callable[[str, int, int], None]  # what is being done, how far, out of how much

ROWS_A_GROUP = 122_880  # of a Parquet file


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
    batch: ir.Table,
    progress: Progress | None,
) -> Manifest:
    """Write the months that `batch` touches anew and return the manifest that lists them."""
    batch = _kept(connection, "batch_rows", batch.distinct())
    ids = batch.filter(batch[c.EVENT].notnull()).select(c.EVENT).distinct()
    identified = bool(ids.count().execute())
    months = _months(batch)
    if identified:
        held = files_table(connection, store, manifest.of(EVENTS), EVENT_SCHEMA)
        rivals = _kept(connection, "rival_rows", held.semi_join(ids, c.EVENT))
        months |= _months(rivals)
        batch = _kept(connection, "merged_rows", _one_row_an_event(batch.union(rivals).distinct()))
    folders = {month: f"{EVENTS}/month={Step.MONTH.start(month):%Y-%m}" for month in months}
    files = []
    for done, month in enumerate(sorted(months), start=1):
        held_files = [file for file in manifest.files if file.folder == folders[month]]
        held = files_table(connection, store, held_files, EVENT_SCHEMA)
        if identified:
            held = held.anti_join(ids, c.EVENT)
        fresh = batch.filter(Step.MONTH.expression(batch[c.TIME]) == month)
        rows = held.union(fresh).distinct() if held_files else fresh
        files.append(write_file(connection, store, folders[month], rows))
        if progress is not None:
            progress("writing months", done, len(months))
    return manifest.replaced(folders.values(), [file for file in files if file is not None])


def merge_rows(
    connection: Backend, store: Path, manifest: Manifest, folder: str, rows: ir.Table
) -> Manifest:
    """Add quarantined rows to those in `folder`, each place and fault once."""
    held_files = [file for file in manifest.files if file.folder == folder]
    held = files_table(connection, store, held_files, QUARANTINE_SCHEMA)
    written = write_file(connection, store, folder, held.union(rows).distinct())
    return manifest.replaced([folder], [] if written is None else [written])


def write_file(connection: Backend, store: Path, folder: str, rows: ir.Table) -> File | None:
    """Write `rows` in their total order as one file of `folder`; no rows, no file."""
    ordered = rows.order_by(_total_order(rows))

    def write(path: Path) -> None:
        connection.to_parquet(ordered, path, compression="zstd", row_group_size=ROWS_A_GROUP)

    name, size, digest = add_file(store, folder, write)
    written = connection.read_parquet(store / name, hive_partitioning=False)
    if c.TIME in written.columns:
        extent = [written[c.TIME].min(), written[c.TIME].max()]
    else:
        extent = [ibis.null("timestamp"), ibis.null("timestamp")]
    (row,) = (
        written.aggregate(rows=written.count(), first=extent[0], last=extent[1])
        .to_pyarrow()
        .to_pylist()
    )
    if not row["rows"]:
        return None
    first, last = (row[end] and row[end].isoformat() for end in ("first", "last"))
    return File(name, row["rows"], size, digest, first, last)


def one_row_each(rows: ir.Table, keys: Sequence[str]) -> ir.Table:
    """Keep the smallest row, in the total order, of those that share `keys`."""
    place = ibis.row_number().over(group_by=list(keys), order_by=_total_order(rows))
    return rows.mutate(**{c.ROW: place}).filter(ibis._[c.ROW] == 0).drop(c.ROW)


def _one_row_an_event(rows: ir.Table) -> ir.Table:
    unnamed = rows.filter(rows[c.EVENT].isnull())
    return unnamed.union(one_row_each(rows.filter(rows[c.EVENT].notnull()), [c.EVENT]))


def _kept(connection: Backend, name: str, rows: ir.Table) -> ir.Table:
    return connection.create_table(name, rows, temp=True, overwrite=True)


def _months(rows: ir.Table) -> set[int]:
    month = Step.MONTH.expression(rows[c.TIME])
    return {int(value) for value in rows.select(**{c.STEP: month}).distinct()[c.STEP].execute()}


def _total_order(rows: ir.Table) -> list[ir.Value]:
    """Order by user, time and item, where there are such, then by all the rest."""
    leading = [name for name in (c.USER, c.TIME, c.ITEM) if name in rows.columns]
    rest = [name for name in rows.columns if name not in leading]
    return [ibis.asc(rows[name], nulls_first=False) for name in (*leading, *rest)]
