"""Making: a world written to files block by block, so that only the disk limits its size.

Shapes: U users.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.data.crowd import gather
from penchant.data.ground import Ground, lay, streams
from penchant.data.growth import grow
from penchant.data.rows import ENCODED_SCHEMA
from penchant.data.shop import PLANS, Shop
from penchant.data.truthtables import about, constants, truth_tables
from penchant.errors import DataError, RecipeError, suggest

Progress = Callable[[int, int], None]  # users done, of how many

MOST_RATES = 20_000_000  # users × topics × steps up to which every rate is written
TRIAL_USERS = 600  # of the trial that says how many events a user has
EVENTS, TRUTH, SETTINGS, SEAL = "events", "truth", "penchant.toml", "truth.json"
OTHERS = ("catalog", "people", "identities", "promotions")
PARQUET = {  # quicker to write and half the size of what is the default
    "store_schema": False,  # which would have readers see dictionaries
    "use_dictionary": [c.USER, c.ITEM, c.KIND, c.QUERY, c.VALUE, c.QUANTITY, c.DWELL],
    "column_encoding": {c.TIME: "DELTA_BINARY_PACKED", c.EVENT: "DELTA_BYTE_ARRAY"},
}


@dataclass(frozen=True)
class Made:
    """What was written: `truth.json` in `truth` says what its tables hold."""

    folder: Path
    users: int
    events: int
    kinds: dict[str, int]  # events of each kind
    parts: tuple[Path, ...]  # of the events, one for each block of users
    truth: Path


def make_world(name: str, shop: Shop, folder: Path, *, progress: Progress | None = None) -> Made:
    """Write a world of the table `PLANS` into an empty or new folder.

    `events/part-*.parquet`, `catalog.parquet`, where there are such `people.parquet`,
    `promotions.parquet` and `identities.parquet`, the truth as `truth/*.parquet`, and a
    `penchant.toml`, so that `penchant ingest` works there. Each part holds the events of 1024
    users in the order of time; the files depend on the name and the shop only. `truth/truth.json`
    is written last: a folder without it is not whole. It says what the tables hold. Every user's
    rates are among them up to 20 million users × topics × steps.

    Memory goes with topics × steps, not with users: some hundred megabytes for a shop of 30 topics
    and 104 steps. Raises RecipeError for an unknown name, DataError for a folder with content.
    """
    ground = _lay(name, shop)
    _make_room(folder)
    rates = shop.users * shop.topics * shop.steps <= MOST_RATES
    kinds: Counter[str] = Counter()
    parts = []
    with ExitStack() as stack:
        tables = _Tables(folder, stack)
        tables.add("catalog", ground.catalog())
        tables.add("promotions", ground.promotions())
        for number in range(ground.blocks):
            block = grow(ground, number)
            parts.append(folder / EVENTS / f"part-{number:05d}.parquet")
            kinds.update(_write_events(block.events, parts[-1]))
            tables.add("people", block.people)
            tables.add("identities", block.identities)
            for table, rows in truth_tables(block.truth, rates=rates, whole=number == 0).items():
                tables.add(f"{TRUTH}/{table}", rows)
            if progress is not None:
                progress(ground.span(number).stop, shop.users)
    (folder / SETTINGS).write_text(_settings(name, folder), encoding="utf-8")
    made = Made(folder, shop.users, kinds.total(), dict(kinds), tuple(parts), folder / TRUTH)
    words = {
        "world": name,
        "shop": asdict(shop),
        "events": made.events,
        "kinds": made.kinds,
        "constants": constants(block.truth),
        "about": about(block.truth),
        "tables": {at.stem: pq.read_schema(at).names for at in sorted(made.truth.glob("*"))},
    }
    (made.truth / SEAL).write_text(json.dumps(words, indent=2) + "\n", encoding="utf-8")
    return made


def shop_for(events: int, name: str = "market", shop: Shop | None = None) -> Shop:
    """A shop with as many users as bring about so many events, and all else as in `shop`.

    Counts those of a trial of 600 users, so it is off by some per cent. Raises RecipeError for an
    unknown name.
    """
    shop = shop or Shop()
    ground = _lay(name, replace(shop, users=TRIAL_USERS))
    found = sum(len(table) for table in grow(ground, 0).events)
    # Corrected for how active the users of the trial happen to be.
    activity = gather(ground, 0, streams(shop.seed, 0)).activity_U.mean() / shop.purchases
    return replace(shop, users=max(1, round(events * TRIAL_USERS * activity / max(found, 1))))


def _lay(name: str, shop: Shop) -> Ground:
    if name not in PLANS:
        raise RecipeError(f"There is no world '{name}'. {suggest(name, PLANS)}")
    return lay(name, shop)


def _make_room(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds files already" if folder.is_dir() else "is a file"
        raise DataError(f"A world needs an empty or new folder; {folder} {what}. Name another.")
    (folder / EVENTS).mkdir(parents=True)
    (folder / TRUTH).mkdir()


class _Tables:
    """Parquet files that grow by a table at a time, and are closed with the stack."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, name: str, table: pa.Table | None) -> None:
        if table is None:
            return
        if name not in self._writers:
            writer = pq.ParquetWriter(_file(self._folder, name), table.schema)
            self._writers[name] = self._stack.enter_context(writer)
        self._writers[name].write_table(table)


def _write_events(tables: Iterable[pa.Table], path: Path) -> Counter[str]:
    """Write a part, a row group a table, and count its kinds."""
    kinds: Counter[str] = Counter()
    with pq.ParquetWriter(path, ENCODED_SCHEMA, **PARQUET) as writer:
        for table in tables:
            writer.write_table(table)
            for count in table[c.KIND].value_counts().to_pylist():
                kinds[count["values"]] += count["counts"]
    return kinds


def _settings(name: str, folder: Path) -> str:
    """A `penchant.toml` that names the files that are there."""
    others = [f'{other} = "{other}.parquet"' for other in OTHERS if _file(folder, other).exists()]
    lines = [
        f'name = "{name}"',
        "",
        "[sources]",
        f'events = ["{EVENTS}/part-*.parquet"]',
        *others,
        "",
        "[topics]",
        "level = 2",
    ]
    return "\n".join(lines) + "\n"


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"
