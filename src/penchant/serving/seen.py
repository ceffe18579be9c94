"""Seen: which event ids are held, in the store or in the journal, in bounded memory.

    seen.json        the runs, and the files of the store whose ids they hold
    run-….npy        digests of what the store holds
    recent-….npy     digests of what the journal holds; made anew when it is opened

The truth is the store and the journal. What is lost here, or damaged, is made again from them; what
is listed was written before. Ids that leave the store, as with a row dropped from its quarantine,
are held for as long as nothing tells that they are fewer.
Shapes: Q digests asked for.
"""

import json
import logging
import os
import threading
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from penchant import columns as c
from penchant.data import manifest as m
from penchant.data.engine import session
from penchant.data.events import EVENT_SCHEMA
from penchant.data.ingest import SQL_TYPES
from penchant.data.lines import json_path
from penchant.data.manifest import File, Manifest
from penchant.data.quarantine import SET_ASIDE, aside
from penchant.data.sql import identifier, literal, parquet
from penchant.errors import ArtefactError
from penchant.serving.digest import SIZE, digest_sql, halves, split
from penchant.serving.run import ENDING, Run, merge_runs, open_run, write_run

LIST = "seen.json"
VERSION = 1
RUN, RECENT, PENDING = "run-", "recent-", ".pending-"
MOST_LOOSE = 1 << 17  # digests in one set, before the next is begun
BATCH = 1 << 20  # digests read from the store at once
TIERS = 2  # a run is merged with the next unless it is so many times as long

log = logging.getLogger(__name__)


@dataclass
class Generation:
    """Ids taken one after the other: a set, or a run once it is full and was written."""

    loose: set[bytes] = field(default_factory=set)
    packed: Run | None = None


class Seen:
    """The ids held. Lookups and additions come from one thread, the rest from one other."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.folder, self._store = folder, store
        self._generations: list[Generation] = [Generation()]
        self._listing = threading.Lock()  # of sets: one thread adds some, another takes some away
        folder.mkdir(parents=True, exist_ok=True)
        self._runs, self._files = self._load()
        self.refresh()

    def __len__(self) -> int:
        """Digests of the store, of which some may be counted twice, and of the journal."""
        recent = sum(len(g.packed or g.loose) for g in self._generations)
        return recent + sum(map(len, self._runs))

    def held(self, digests: Sequence[bytes]) -> list[bool]:
        """Which ids are in the store or in the journal."""
        generations = list(self._generations)
        hits = [False] * len(digests)
        for generation in generations:
            loose = generation.loose
            if loose:
                hits = [hit or one in loose for hit, one in zip(hits, digests, strict=True)]
        runs = [g.packed for g in generations if g.packed is not None]
        return _among([*self._runs, *runs], digests, hits)

    def stored(self, digests: Sequence[bytes]) -> list[bool]:
        """Which ids are in the store."""
        return _among(self._runs, digests, [False] * len(digests))

    def add(self, digests: Iterable[bytes]) -> None:
        """Hold the ids of what goes into the journal."""
        last = self._generations[-1]
        last.loose.update(digests)
        if len(last.loose) > MOST_LOOSE:
            self.turn()

    def forget(self, digests: Iterable[bytes]) -> None:
        """Let the ids go of what couldn't be written."""
        for generation in self._generations:
            generation.loose.difference_update(digests)

    def turn(self) -> list[Generation]:
        """Begin a new set; returns all those before it, which change no more."""
        with self._listing:
            self._generations = [*self._generations, Generation()]
            return self._generations[:-1]

    def pack(self) -> None:
        """Write full sets to disk."""
        for generation in self._generations[:-1]:
            if generation.packed is None and len(generation.loose) > MOST_LOOSE:
                path = self.folder / f"{RECENT}{uuid.uuid4().hex}{ENDING}"
                generation.packed = write_run(path, *halves(generation.loose))
                generation.loose = set()

    def settle(self, generations: Sequence[Generation]) -> None:
        """What the sets hold stands in the store now."""
        loose = [one for generation in generations for one in generation.loose]
        runs = [g.packed for g in generations if g.packed is not None]
        if loose:
            path = self.folder / f"{RECENT}{uuid.uuid4().hex}{ENDING}"
            runs.append(write_run(path, *halves(loose)))
        self._join(runs)
        gone = set(map(id, generations))
        with self._listing:
            self._generations = [g for g in self._generations if id(g) not in gone]

    def cover(self, before: Manifest, after: Manifest) -> None:
        """Read what others have brought into the store before we wrote what is held here already.

        Nothing is listed as known until `settle` has written what we brought.
        """
        files = [file for file in _files(before) if file.path not in self._files]
        if files:
            log.info("reading the ids of %s events", f"{sum(file.rows for file in files):,}")
            self._join(self._read(files), listed=False)
        self._files = {file.path for file in _files(after)}

    def refresh(self) -> None:
        """Read what the store holds and isn't known here."""
        manifest = m.load(self._store)
        gone = self._files - {file.path for file in _files(manifest)}
        if gone and sum(map(len, self._runs)) > sum(file.rows for file in _files(manifest)):
            log.info("the store lost events, so the list of their ids is made anew")
            self._runs, self._files = (), set()
        self.cover(manifest, manifest)
        self._save()

    def _read(self, files: Sequence[File]) -> list[Run]:
        runs = []
        with session() as connection:
            for statement in _statements(self._store, files):
                reader = connection.raw_sql(statement).fetch_record_batch(BATCH)
                for batch in reader:
                    content = batch.column(0)
                    start, end = content.offset, content.offset + len(content)
                    at = memoryview(content.buffers()[2])[start * SIZE : end * SIZE]
                    path = self.folder / f"{RECENT}{uuid.uuid4().hex}{ENDING}"
                    if len(content):
                        runs.append(write_run(path, *split(at)))
        return runs

    def _join(self, runs: Sequence[Run], *, listed: bool = True) -> None:
        """Bring runs among those of the store, and merge what is of like length."""
        kept = sorted(self._runs, key=len, reverse=True)
        fresh = list(runs)
        while kept and fresh and len(kept[-1]) < TIERS * sum(map(len, fresh)):
            fresh.append(kept.pop())
        if fresh:
            path = self.folder / f"{RUN}{uuid.uuid4().hex}{ENDING}"
            kept.append(merge_runs(path, fresh))
        self._runs = tuple(kept)
        if listed:
            self._save()

    def _save(self) -> None:
        listed = {
            "version": VERSION,
            "runs": {run.path.name: len(run) for run in self._runs},
            "files": sorted(self._files),
        }
        pending = self.folder / f"{PENDING}{LIST}"
        pending.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        m.sync(pending)
        os.replace(pending, self.folder / LIST)
        m.sync(self.folder)
        self._sweep()

    def _load(self) -> tuple[tuple[Run, ...], set[str]]:
        """The runs as listed, or none where they aren't whole; removes what isn't listed."""
        self._runs, files = self._listed()
        self._sweep()
        return self._runs, files

    def _sweep(self) -> None:
        known = {run.path for run in self._runs}
        known |= {g.packed.path for g in self._generations if g.packed is not None}
        for path in self.folder.glob(f"*{ENDING}"):
            if path not in known:
                path.unlink()

    def _listed(self) -> tuple[tuple[Run, ...], set[str]]:
        path = self.folder / LIST
        if not path.is_file():
            return (), set()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["version"] != VERSION:
                raise ArtefactError(f"'{path}' is of version {content['version']}.")
            runs = [open_run(self.folder / name, n) for name, n in content["runs"].items()]
            return tuple(runs), set(content["files"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the list of event ids is made anew from the store: %s", error)
            return (), set()


def _among(runs: Collection[Run], digests: Sequence[bytes], hits: list[bool]) -> list[bool]:
    """The hits, and those of the others that are in a run."""
    if not runs:
        return hits
    asked = [number for number, hit in enumerate(hits) if not hit]
    if not asked:
        return hits
    high_Q, low_Q = halves([digests[number] for number in asked])
    found_Q = np.zeros(len(asked), bool)
    for run in runs:
        found_Q |= run.holds(high_Q, low_Q)
    for number in np.flatnonzero(found_Q).tolist():
        hits[asked[number]] = True
    return hits


def _files(manifest: Manifest) -> list[File]:
    """Files of a store in which events stand."""
    return [*manifest.of(m.EVENTS), *manifest.within(aside(m.EVENTS))]


def _statements(store: Path, files: Sequence[File]) -> list[str]:
    """SQL of the digests of events in these files: those stored, and those set aside."""
    stored = [store / file.path for file in files if file.table == m.EVENTS]
    apart = [store / file.path for file in files if file.table != m.EVENTS]
    statements = []
    if stored:
        statements.append(f"SELECT {digest_sql()} FROM {parquet(stored)}")
    if apart:
        cells = ", ".join(
            f"json_extract_string({c.CONTENT}, {json_path(one.name)})::{SQL_TYPES[str(one.type)]} "
            f"AS {identifier(one.name)}"
            for one in EVENT_SCHEMA
        )
        moved = f"{parquet(apart)} WHERE {c.SOURCE} = {literal(SET_ASIDE)}"
        statements.append(f"SELECT {digest_sql()} FROM (SELECT {cells} FROM {moved})")
    return statements
