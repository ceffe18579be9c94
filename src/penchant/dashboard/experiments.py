"""The section on experiments: what each arm changed, and how sure that is."""

from collections.abc import Mapping
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import Chart, Column, Form, Notes, Section, Table
from penchant.dashboard.drawing import (
    SERIES,
    below,
    canvas,
    interval_series,
    intervals,
    name_axis,
    tooltip,
    value_axis,
)
from penchant.sheet import Filled

Row = dict[str, Any]


def experiments_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on experiments."""
    rows = sheets["experiments"].rows
    doubted = sorted({row[c.EXPERIMENT] for row in rows if not row["trusted"]})
    told = [f"Don't trust {name}: its arms aren't as large as planned." for name in doubted]
    told += dict.fromkeys(f"{row[c.EXPERIMENT]}: {one}" for row in rows for one in row["notes"])
    drawn = [row for row in rows if row["relative"] is not None and row[c.MEAN]]
    blocks = (
        *((_effects(drawn),) if drawn else ()),
        _table(rows),
        *((Notes(tuple(told)),) if told else ()),
    )
    lead = (
        "What arms of experiments changed against their control. The interval holds however often "
        "one looks: where it leaves out no change, the experiment may be stopped."
    )
    return Section("experiments", "What experiments found", lead, blocks)


def _name(row: Row) -> str:
    return f"{row[c.EXPERIMENT]}: {row[c.ARM]}"


def _effects(rows: list[Row]) -> Chart:
    """Effects in parts of the control's mean, with intervals that always hold."""
    names = [_name(row) for row in rows]
    points = []
    for row in rows:
        low, high = (_part(row, row[end]) for end in ("low_always", "high_always"))
        text = f"{_name(row)}\n{numbers.change(row['relative'])} of {row[c.OUTCOME]}"
        if low is not None:
            text += f", {numbers.change(low)} to {numbers.change(high)}"
        points.append((row["relative"], low, high, text))
    ends = [
        (name, low, high)
        for name, (_, low, high, _) in zip(names, points, strict=True)
        if low is not None
    ]
    marks = [
        {"value": [value, name], "text": text}
        for name, (value, _, _, text) in zip(names, points, strict=True)
    ]
    return Chart(
        "experiment-effects",
        "What the arms changed",
        "A mark is the change in parts of the control's mean; its line is the interval that holds "
        "at every look. Lines across 0 could be no change at all.",
        canvas(
            tooltip=tooltip("item"),
            grid={"left": 8, "right": 40, "top": 16, "bottom": 40, "containLabel": True},
            xAxis=value_axis(labels="fn:change", **below("change against the control")),
            yAxis=name_axis(names, width=200, inverse=True),
            series=[
                interval_series("interval", intervals(ends, vertical=False), SERIES[0]),
                {"type": "scatter", "color": SERIES[0], "symbolSize": 10, "data": marks},
            ],
        ),
        (
            Column("Experiment and arm"),
            Column("Change", Form.CHANGE),
            Column("Low", Form.CHANGE),
            Column("High", Form.CHANGE),
        ),
        [(name, *point[:3]) for name, point in zip(names, points, strict=True)],
        height=100 + 32 * len(rows),
    )


def _part(row: Row, value: float | None) -> float | None:
    """An effect in parts of the control's mean, by the same measure as the relative one."""
    if value is None or not row[c.VALUE]:
        return None
    return float(value / row[c.VALUE] * row["relative"])


def _table(rows: list[Row]) -> Table:
    return Table(
        "experiments-table",
        "Every arm",
        (
            Column("Experiment"),
            Column("Arm"),
            Column("Outcome"),
            Column("From", Form.DAY),
            Column("To before", Form.DAY),
            Column("Customers", Form.COUNT),
            Column("Mean", Form.DECIMAL),
            Column("Control's mean", Form.DECIMAL),
            Column("Effect", Form.DECIMAL),
            Column("Low, at any look", Form.DECIMAL),
            Column("High", Form.DECIMAL),
        ),
        [
            (
                *(row[name] for name in (c.EXPERIMENT, c.ARM, c.OUTCOME, c.START, c.END)),
                row["units"],
                *(row[name] for name in (c.MEAN, "control_mean", c.VALUE)),
                row["low_always"],
                row["high_always"],
            )
            for row in rows
        ],
    )
