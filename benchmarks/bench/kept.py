"""Histories kept on disk, so that each cell of a benchmark starts from one in a moment.

Reading a public data set takes seconds and gigabytes; a kept history takes neither, so what a fresh
process then holds is the model's.
"""

import json
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from penchant.interest.artifact import from_tree, to_tree
from penchant.interest.calendar import Calendar
from penchant.interest.history import History, Population
from penchant.interest.interest import Interest
from penchant.interest.topics import Topics

TYPES = {kind.__name__: kind for kind in (Interest, Population, Calendar)}
PARTS = ("interest", "population", "calendar")
TABLES = ("items", "words")


def keep(history: History, folder: Path) -> None:
    """Write a history to a folder; it counts as kept when its `history.json` is there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict = {}
    tree = {name: to_tree(getattr(history, name), arrays, name) for name in PARTS}
    topics = history.topics
    for field in fields(Topics):
        if field.name not in TABLES:
            tree[field.name] = to_tree(getattr(topics, field.name), arrays, field.name)
    save_file(arrays, folder / "arrays.safetensors")
    for name in TABLES:
        pq.write_table(getattr(topics, name), folder / f"{name}.parquet")
    if history.people is not None:
        pq.write_table(history.people, folder / "people.parquet")
    (folder / "history.json").write_text(json.dumps(tree), encoding="utf-8")


def is_kept(folder: Path) -> bool:
    """Whether a whole history is there."""
    return (folder / "history.json").is_file()


def kept(folder: Path) -> History:
    """Read the history that `keep` wrote."""
    arrays = load_file(folder / "arrays.safetensors")
    content = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    tree = {name: from_tree(part, arrays, TYPES) for name, part in content.items()}
    told = {name: tree.pop(name) for name in list(tree) if name not in PARTS}
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
    people = folder / "people.parquet"
    return History(
        **tree,
        topics=Topics(**told, **tables),
        people=pq.read_table(people) if people.is_file() else None,
    )
