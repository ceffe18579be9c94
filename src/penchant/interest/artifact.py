"""Artefacts: models as safetensors, JSON and Parquet, with hashes; no pickle anywhere.

A fitted model is a frozen dataclass whose fields are arrays (also sparse ones, by rows), numbers,
text, dates, tuples, or other such dataclasses, so saving needs no code in any model. A folder holds
`model.json` (the tree of fields), `arrays.safetensors` (arrays and long texts), `topics.parquet`,
`items.parquet` and `words.parquet` (the vocabulary), and `manifest.json` (format version and
SHA-256 of each file).
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load, save
from scipy.sparse import csr_array

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import ArtefactError, RecipeError, suggest
from penchant.interest.interest import Names
from penchant.interest.task import Task, Window
from penchant.interest.topics import Topics

FORMAT = 1
MANIFEST = "manifest.json"
FILES = ("model.json", "arrays.safetensors", "topics.parquet", "items.parquet", "words.parquet")
LONG_TEXT = 4096  # characters; longer ones are stored as bytes
Types = Mapping[str, type]
Arrays = dict[str, npt.NDArray[Any]]

_OWN_TYPES: dict[str, type] = {"Task": Task, "Window": Window, "Step": Step}


def to_tree(value: Any, arrays: Arrays, at: str = "model") -> Any:
    """Turn a value into JSON, moving its arrays into `arrays` under their path."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return {"type": type(value).__name__, "value": value.value}
        case str() if len(value) > LONG_TEXT:
            arrays[at] = np.frombuffer(value.encode(), dtype=np.uint8)
            return {"text": at}
        case str():
            return value
        case np.ndarray() if value.dtype.kind == "U":
            return {"names": value.tolist()}
        case np.ndarray():
            arrays[at] = np.ascontiguousarray(value)
            return {"array": at}
        case csr_array():
            stored = (value.data, value.indices, value.indptr, *value.shape)
            return {"sparse": to_tree(stored, arrays, at)}
        case tuple():
            return {"tuple": [to_tree(v, arrays, f"{at}.{i}") for i, v in enumerate(value)]}
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {
                f.name: to_tree(getattr(value, f.name), arrays, f"{at}.{f.name}")
                for f in fields(value)
            }
            return {"type": type(value).__name__, "fields": parts}
    raise TypeError(f"{at} is a {type(value).__name__}, which has no place in an artefact")


def from_tree(tree: Any, arrays: Arrays, *types: Types) -> Any:
    """Rebuild a value from its JSON and arrays; `types` name every dataclass it may hold."""
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"text": key}:
            return arrays[key].tobytes().decode()
        case {"names": names}:
            return np.array(names, dtype=np.str_)
        case {"array": key}:
            return arrays[key]
        case {"sparse": whole}:
            *parts, rows, columns = from_tree(whole, arrays, *types)
            return csr_array(tuple(parts), shape=(rows, columns))
        case {"tuple": parts}:
            return tuple(from_tree(part, arrays, *types) for part in parts)
        case {"type": name, "value": value}:
            return _type_of(name, *types)(value)
        case {"type": name, "fields": parts}:
            built = {key: from_tree(part, arrays, *types) for key, part in parts.items()}
            try:
                return _type_of(name, *types)(**built)
            except TypeError as error:
                raise ArtefactError(
                    f"'{name}' was saved by another version of penchant ({error}). Fit it again."
                ) from error
    raise ArtefactError(f"Not a part of an artefact: {sorted(tree)}.")


def _type_of(name: str, *types: Types) -> type:
    for known in (_OWN_TYPES, *types):
        if name in known:
            return known[name]
    names = [name for known in (_OWN_TYPES, *types) for name in known]
    raise RecipeError(f"There is no '{name}'. {suggest(name, names)}")


def save_model(model: object, topics: Topics, folder: Path) -> None:
    """Write a model and its topics to a folder, complete or not at all.

    A folder that holds an artefact already is replaced.
    """
    arrays: Arrays = {}
    tree = to_tree(model, arrays)
    vocabulary = pa.table({c.TOPIC: topics.names_T, "parent": topics.parent_T})
    model_json = json.dumps({"model": tree, "level": topics.level}, indent=1).encode()
    tables = (_parquet(table) for table in (vocabulary, topics.items, topics.words))
    contents = (model_json, save(arrays), *tables)
    write_artefact(dict(zip(FILES, contents, strict=True)), folder)


def write_artefact(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files and their hashes to a folder, complete or not at all."""
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = json.dumps({"format": FORMAT, "sha256": hashes}, indent=1).encode()
    folder.mkdir(parents=True, exist_ok=True)
    # The manifest goes last: without it nothing is valid.
    for name, content in {**files, MANIFEST: manifest}.items():
        partial = folder / f"{name}.partial"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / name)


def load_model(folder: Path, *types: Types) -> tuple[Any, Topics]:
    """Read a model and its topics, checking every hash."""
    files = read_artefact(folder, FILES)
    arrays: Arrays = load(files["arrays.safetensors"])
    content = json.loads(files["model.json"])
    vocabulary = pq.read_table(pa.BufferReader(files["topics.parquet"]))
    topics = Topics(
        _names(vocabulary[c.TOPIC]),
        _names(vocabulary["parent"]),
        pq.read_table(pa.BufferReader(files["items.parquet"])),
        content["level"],
        pq.read_table(pa.BufferReader(files["words.parquet"])),
    )
    return from_tree(content["model"], arrays, *types), topics


def read_artefact(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the files of a folder, checking every hash; ArtefactError where one isn't right."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise ArtefactError(f"{folder} holds no model: it has no manifest.json. Run penchant fit.")
    try:
        content = json.loads(manifest.read_bytes())
        version, hashes = content["format"], dict(content["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{manifest} is damaged ({error}). Fit it again.") from error
    if version != FORMAT:
        raise ArtefactError(
            f"{folder} has the format {version}; this version reads {FORMAT}. "
            "Fit the model again, or use the version that saved it."
        )
    files = {}
    for name in names:
        expected = hashes.get(name)
        path = folder / name
        files[name] = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise ArtefactError(f"{path} is damaged or missing: its SHA-256 differs. Fit it again.")
    return files


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _names(column: pa.ChunkedArray) -> Names:
    return np.array(column.to_pylist(), dtype=np.str_)
