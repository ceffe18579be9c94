"""The manifest: which files make up a store, and how to tell that they are whole.

A store's state is its manifest. Files are written under new names first and the manifest is
replaced in one step, so that whoever is cut off leaves the old state or the new one.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from penchant.errors import DataError

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
PENDING = ".pending-"
EVENTS, CATALOG, PEOPLE = "events", "catalog", "people"
PROMOTIONS, HOLIDAYS, QUARANTINE = "promotions", "holidays", "quarantine"
IDENTITIES = "identities"
TABLES = (EVENTS, CATALOG, PEOPLE, IDENTITIES, PROMOTIONS, HOLIDAYS, QUARANTINE)
HASH_LETTERS = 16  # of a file's sha256, as its name


@dataclass(frozen=True, order=True)
class File:
    """One Parquet file: path below the store, rows, bytes, hash, and the time of its events."""

    path: str
    rows: int
    bytes: int
    sha256: str
    first: str | None = None  # ISO time of the earliest event
    last: str | None = None  # and of the latest

    @property
    def table(self) -> str:
        """Name of the table the file belongs to: its first folder."""
        return self.path.partition("/")[0]

    @property
    def folder(self) -> str:
        """Folder of the file below the store."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Manifest:
    """Every file of a store, in the order of their paths."""

    files: tuple[File, ...] = ()

    def of(self, table: str) -> tuple[File, ...]:
        """Files of one table."""
        return tuple(file for file in self.files if file.table == table)

    def within(self, folder: str) -> tuple["File", ...]:
        """Files of one folder."""
        return tuple(file for file in self.files if file.folder == folder)

    def rows(self, table: str) -> int:
        """Rows of one table, or of one folder."""
        return sum(file.rows for file in self.files if table in (file.table, file.folder))

    def replaced(self, folders: Iterable[str], files: Iterable[File]) -> "Manifest":
        """Put `files` in the place of all there is in `folders`."""
        gone = set(folders)
        kept = [file for file in self.files if file.folder not in gone]
        return Manifest(tuple(sorted([*kept, *files])))

    def changed(self, gone: Collection[str], files: Iterable[File]) -> "Manifest":
        """Leave out the files at the paths `gone`, and add `files`."""
        kept = [file for file in self.files if file.path not in gone]
        return Manifest(tuple(sorted({*kept, *files})))

    def to_json(self) -> str:
        """Write as JSON, the same bytes for the same files."""
        names = sorted({file.table for file in self.files})
        tables = {name: _table_dict(self.of(name)) for name in names}
        return json.dumps({"schema": SCHEMA_VERSION, "tables": tables}, indent=1) + "\n"


def _table_dict(files: tuple[File, ...]) -> dict[str, object]:
    first = [file.first for file in files if file.first]
    last = [file.last for file in files if file.last]
    return {
        "rows": sum(file.rows for file in files),
        "first": min(first, default=None),
        "last": max(last, default=None),
        "files": [asdict(file) for file in files],
    }


def load(store: Path) -> Manifest:
    """Read the manifest of a store.

    Raises DataError when there is none, when it is damaged or of another version.
    """
    path = store / MANIFEST
    if not path.is_file():
        raise DataError(
            f"'{store}' is no penchant store: it has no {MANIFEST}. Give the folder of one, or "
            "make a new one with Store.create."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content["schema"]
        if version != SCHEMA_VERSION:
            raise DataError(
                f"'{store}' has schema version {version}; this penchant reads {SCHEMA_VERSION}. "
                + (
                    "Upgrade penchant."
                    if isinstance(version, int) and version > SCHEMA_VERSION
                    else "Make a new store and append the sources again."
                )
            )
        files = [File(**file) for table in content["tables"].values() for file in table["files"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"'{path}' is damaged ({error}). Restore it from a copy, or make a new store and "
            "append the sources again."
        ) from error
    return Manifest(tuple(sorted(files)))


def save(store: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step that survives a power cut, then drop what is left over.

    Files that the manifest before it listed stay until the next time, for those who read them.
    """
    path = store / MANIFEST
    before = load(store).files if path.is_file() else ()
    pending = store / f"{PENDING}{uuid.uuid4().hex}"
    pending.write_text(manifest.to_json(), encoding="utf-8")
    sync(pending)
    os.replace(pending, path)
    sync(store)
    _sweep(store, {file.path for file in (*before, *manifest.files)})


def add_file(store: Path, folder: str, write: Callable[[Path], None]) -> tuple[str, int, str]:
    """Write a file under its hash in `folder`; returns its path, bytes and sha256."""
    target = store / folder
    target.mkdir(parents=True, exist_ok=True)
    pending = target / f"{PENDING}{uuid.uuid4().hex}"
    write(pending)
    return adopt_file(store, folder, pending)


def adopt_file(store: Path, folder: str, path: Path) -> tuple[str, int, str]:
    """Move a file of the same disk under its hash into `folder`; returns as `add_file` does."""
    target = store / folder
    if not target.is_dir():
        target.mkdir(parents=True)
        sync(target.parent)
    sync(path)
    digest = sha256(path)
    name = f"{folder}/{digest[:HASH_LETTERS]}.parquet"
    size = path.stat().st_size
    os.replace(path, store / name)
    sync(target)
    return name, size, digest


def damage(store: Path, manifest: Manifest) -> tuple[str, ...]:
    """Say of each damaged file what is wrong with it. Reads every byte of the store."""
    found = []
    for file in manifest.files:
        path = store / file.path
        if not path.is_file():
            found.append(f"{file.path}: missing")
        elif (size := path.stat().st_size) != file.bytes:
            found.append(f"{file.path}: {size} bytes, expected {file.bytes}")
        elif sha256(path) != file.sha256:
            found.append(f"{file.path}: content changed")
    return tuple(found)


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(store: Path, listed: Collection[str]) -> None:
    """Remove our own files that aren't listed, and folders left empty."""
    for table in TABLES:
        folder = store / table
        for path in sorted(folder.rglob("*"), reverse=True) if folder.is_dir() else ():
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(store).as_posix() not in listed:
                path.unlink()
    for path in store.glob(f"{PENDING}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
