"""The section on churn: how many may not come back, what is at risk with them, who comes first.

Shapes: U users, B bins, A actions.
"""

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Chart,
    Column,
    Form,
    Leaf,
    Notes,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import below, canvas, name_axis, tooltip, value_axis
from penchant.interest.counts import Doubles
from penchant.sheet import Filled

BINS = 10  # of the chance of no purchase
SHOWN = 25  # customers


def churn_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on churn."""
    filled = sheets["churn"]
    table, last = filled.table, filled.end - timedelta(days=1)
    until = f"from {numbers.day(filled.start)} to {numbers.day(last)}"
    gone_U, risk_U = _numbers(table, c.GONE), _numbers(table, c.AT_RISK)
    blocks: list[Leaf] = [
        _tiles(gone_U, risk_U, _numbers(table, c.SPEND)),
        _chances(gone_U),
        _actions(table, risk_U),
        _customers(filled),
    ]
    if filled.notes:
        blocks.append(Notes(filled.notes))
    lead = (
        f"Who may buy nothing {until}, what would be lost with them, and what to do. At risk is "
        "the usual spend of so long a time, times the chance of no purchase. The action is a rule, "
        "not an estimate of what it would change: an experiment tells that."
    )
    return Section("churn", "Who may not come back", lead, tuple(blocks))


def _tiles(gone_U: Doubles, risk_U: Doubles, spend_U: Doubles) -> Tiles:
    users = len(gone_U)
    tiles = [
        Tile(
            "Expected without a purchase",
            numbers.count(gone_U.sum()),
            f"of {numbers.several(users, 'customer')}",
        ),
        Tile(
            "More likely gone than not",
            numbers.count((gone_U > 0.5).sum()),
            "customers with a chance above a half",
        ),
    ]
    if np.isfinite(risk_U).any():
        tiles += [
            Tile("Value at risk", numbers.count(np.nansum(risk_U)), "of usual spend"),
            Tile("Spend expected", numbers.count(np.nansum(spend_U)), "of all customers"),
        ]
    return Tiles(tuple(tiles))


def _chances(gone_U: Doubles) -> Chart:
    bin_U = np.minimum((gone_U * BINS).astype(np.int64), BINS - 1)
    count_B = np.bincount(bin_U, minlength=BINS).tolist()
    names = [f"{low}–{low + 100 // BINS}{numbers.SPACE}%" for low in range(0, 100, 100 // BINS)]
    bars = [
        {"value": count, "text": f"{numbers.several(count, 'customer')}\n{name}"}
        for name, count in zip(names, count_B, strict=True)
    ]
    return Chart(
        "churn-chances",
        "Chance of no purchase",
        "Each bar counts the customers whose chance lies in its range; those on the right are "
        "almost surely lost, those in the middle can still be won.",
        canvas(
            tooltip=tooltip("item"),
            grid={"left": 8, "right": 16, "top": 36, "bottom": 32, "containLabel": True},
            xAxis=name_axis(names, **below("chance of no purchase")),
            yAxis=value_axis("customers"),
            series=[{"type": "bar", "color": "$blue", "data": bars}],
        ),
        (Column("Chance of no purchase", Form.SPAN), Column("Customers", Form.COUNT)),
        list(zip(names, count_B, strict=True)),
        height=260,
    )


def _actions(table: pa.Table, risk_U: Doubles) -> Table:
    action_U = np.array(
        [advice.partition(":")[0] for advice in table[c.ADVICE].to_pylist()], dtype=np.str_
    )
    known = bool(np.isfinite(risk_U).any())
    names, of_U, count_A = np.unique(action_U, return_inverse=True, return_counts=True)
    risk_A = np.bincount(of_U, weights=np.nan_to_num(risk_U))
    rows = [
        (str(names[a]), int(count_A[a]), float(risk_A[a]) if known else None)
        for a in np.argsort(-(risk_A if known else count_A), kind="stable")
    ]
    return Table(
        "churn-actions",
        "What to do",
        (
            Column("Action"),
            Column("Customers", Form.COUNT),
            Column("Value at risk", Form.COUNT),
        ),
        rows,
        half=True,
    )


def _customers(filled: Filled) -> Table:
    columns = (c.USER, c.GONE, c.HALVED, c.SPEND, c.AT_RISK)
    first = filled.table.slice(0, SHOWN).to_pylist()
    return Table(
        "churn-customers",
        "Whom to look after first",
        (
            Column("Customer"),
            Column("No purchase", Form.CHANCE),
            Column("Spend halved", Form.CHANCE),
            Column("Spend expected", Form.VOLUME),
            Column("At risk", Form.VOLUME),
            Column("Why", Form.PROSE),
            Column("What to do", Form.PROSE),
        ),
        [
            (
                *(row[name] for name in columns),
                next(iter(row[c.REASONS]), None),
                row[c.ADVICE],
            )
            for row in first
        ],
        f"The {len(first)} with most at risk of {len(filled.table):,}; {filled.sheet.verb} writes "
        "all of them.",
    )


def _numbers(table: pa.Table, name: str) -> Doubles:
    """A column, NaN where it is empty."""
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)
