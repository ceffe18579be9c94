"""Digests: whether two things are made of the same arrays, tables and values."""

import hashlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def digest(value: Any) -> str:
    """SHA-256 of arrays, tables and plain values, however deep in dataclasses and tuples."""
    sha = hashlib.sha256()
    _feed(sha.update, value)
    return sha.hexdigest()


def _feed(update: Callable[[bytes], None], value: Any) -> None:
    if is_dataclass(value):
        value = tuple(getattr(value, part.name) for part in fields(value))
    if isinstance(value, tuple):
        update(b"(%d" % len(value))
        for part in value:
            _feed(update, part)
    elif isinstance(value, np.ndarray):
        update(f"{value.dtype}{value.shape}".encode())
        update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        pq.write_table(value, sink)
        update(sink.getvalue().to_pybytes())
    else:
        update(repr(value).encode() + b";")
