"""Truth tables: a world's truth as tables, one for each axis of each group of arrays.

The last part of an array's name says what it is about: `chance_L` and `lag_L` of `complements` are
two columns of one table of links. An array with more axes, `affinity_UT`, is a column of lists,
flattened in the order of its axes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from inspect import getdoc
from typing import Any

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.truth import Truth

AXES = {
    "U": "users",
    "T": "topics",
    "S": "steps",
    "M": "moves",
    "N": "users",
    "I": "items",
    "P": "positions",
    "Q": "queries",
    "R": "rises",
    "F": "follows",
    "D": "devices",
    "L": "links",
    "K": "prices",
    "V": "promotions",
    "A": "ages",
    "H": "households",
}
OF_A_BLOCK = "UMNRFD"  # axes of which each block of users has its own part
RATES = "rate_UTS"
SINGULAR = {"users_U": c.USER, "topics_T": c.TOPIC, "steps_S": "week"}


def join_truths(truths: Sequence[Any]) -> Any:
    """One truth of many blocks' (or one group of many): their own parts joined, the rest once."""
    first = truths[0]
    if len(truths) == 1:
        return first
    joined = {}
    for field in fields(first):
        values = [getattr(truth, field.name) for truth in truths]
        if is_dataclass(values[0]):
            joined[field.name] = join_truths(values)
        elif isinstance(values[0], np.ndarray) and _axis(field.name) in OF_A_BLOCK:
            joined[field.name] = np.concatenate(values)
    return replace(first, **joined)


def truth_tables(truth: Truth, *, rates: bool, whole: bool) -> dict[str, pa.Table]:
    """The tables of a block, by name: all of them, or without what is the whole world's.

    `rates` adds the table of that name: a row a user, of topics × steps.
    """
    tables = {
        name: pa.table({_column(key): _array(value) for key, value in arrays.items()})
        for name, axis, arrays in _parts(truth)
        if whole or axis in OF_A_BLOCK
    }
    if rates:
        tables["rates"] = pa.table({"rate": _array(truth.rate_UTS)})
    return tables


def about(truth: Truth) -> dict[str, str]:
    """What the truth and each of its groups mean; a table's name starts with its group's."""
    said = {"truth": getdoc(truth) or ""}
    for field in fields(truth):
        if is_dataclass(group := getattr(truth, field.name)):
            said[field.name] = getdoc(group) or ""
    return said


def constants(truth: Truth) -> dict[str, float]:
    """The single numbers of the truth."""
    found = {f.name: getattr(truth, f.name) for f in fields(truth)}
    for group in [value for value in found.values() if is_dataclass(value)]:
        found |= {f.name: getattr(group, f.name) for f in fields(group)}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _parts(truth: Truth) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each table's name, its first axis, and its arrays."""
    groups = [("", truth), *((f.name, getattr(truth, f.name)) for f in fields(truth))]
    for prefix, group in groups:
        if not is_dataclass(group):
            continue
        by_axis: dict[str, dict[str, Any]] = {}
        for field in fields(group):
            value = getattr(group, field.name)
            if isinstance(value, np.ndarray) and field.name != RATES:
                by_axis.setdefault(_axis(field.name), {})[field.name] = value
        for axis, arrays in by_axis.items():
            several = len(by_axis) > 1
            names = (prefix, AXES[axis] if several or not prefix else "")
            yield "-".join(filter(None, names)), axis, arrays


def _axis(name: str) -> str:
    return name.rpartition("_")[2][0]


def _column(name: str) -> str:
    return SINGULAR.get(name, name.rpartition("_")[0])


def _array(values: Any) -> pa.Array:
    if values.dtype.kind == "U":
        return pa.array(values.tolist(), pa.string())
    if values.ndim == 1:
        return pa.array(values)
    width = values[0].size
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width)
