"""The drift of cohorts: how like their first month customers still are, month after month.

Shapes: P periods after the first.
"""

import math
from collections.abc import Iterator

import numpy as np

from penchant.dashboard import numbers
from penchant.dashboard.block import Cell, Chart, Column, Form, Option
from penchant.dashboard.drawing import below, canvas, name_axis, scale, tooltip
from penchant.interest.drift import Cohort, Drift

EVERYBODY = "all customers"
EDGE = {"borderWidth": 1, "borderColor": "$surface"}  # of a square
LABELLED = 16  # columns, up to which the squares have room for their number
PALEST = (
    0.5  # similarity; the scale reaches at least so far down, so that little drift looks little
)


def drift_chart(found: Drift) -> Chart:
    """A heat map: a row a cohort, a column a period, darker the more alike."""
    cohorts = (found.everybody, *(found.cohorts if len(found.cohorts) > 1 else ()))
    values = np.concatenate([cohort.similarity_P for cohort in cohorts])
    unit = found.unit
    names = [_name(cohort) for cohort in cohorts]
    columns = [str(p + 1) for p in range(len(found.everybody.similarity_P))]
    lowest = max(0.0, min(PALEST, math.floor(float(np.nanmin(values, initial=1.0)) * 10) / 10))
    option = canvas(
        tooltip=tooltip("item"),
        grid={"left": 20, "right": 16, "top": 8, "bottom": 76, "containLabel": True},
        xAxis=name_axis(columns) | below(f"{unit}s since the first"),
        yAxis=name_axis(names, width=150, inverse=True),
        visualMap=scale(lowest, 1.0, ("changed", "unchanged")),
        series=[_squares(cohorts, names, unit, lowest, len(columns) <= LABELLED)],
    )
    length = found.step.plural(found.period)
    alike = numbers.share(found.strangers)
    return Chart(
        "drift",
        f"How like their first {unit} customers still are",
        f"Each row is the customers who first came in one month, each column a {unit} ({length}) "
        f"of their own time, and a square the similarity of what they want then to their first "
        f"{unit}, corrected for the chance in small baskets: 100 % is unchanged, a little more is "
        f"chance, and two different customers are {alike} alike. Squares of too few customers are "
        "empty.",
        option,
        (
            Column("First came"),
            Column(f"{unit.capitalize()}s since", Form.COUNT),
            Column("Similarity", Form.SHARE),
            Column("95 % interval", Form.SPAN),
            Column("Customers compared", Form.COUNT),
            Column("Of", Form.COUNT),
        ),
        list(_rows(cohorts)),
        height=130 + 26 * len(cohorts),
    )


def _name(cohort: Cohort) -> str:
    return EVERYBODY if cohort.month is None else f"{cohort.month:%b %Y}"


def _squares(
    cohorts: tuple[Cohort, ...], names: list[str], unit: str, lowest: float, labelled: bool
) -> Option:
    data = []
    for row, cohort in enumerate(cohorts):
        for p in np.flatnonzero(np.isfinite(cohort.similarity_P)):
            value = float(cohort.similarity_P[p])
            text = (
                f"{names[row]}, {numbers.several(int(p) + 1, unit)} after the first\n"
                f"{numbers.share(value)} alike ({_interval(cohort, int(p))})\n"
                f"{numbers.several(int(cohort.customers_P[p]), 'customer')} compared"
            )
            # Above 1 is chance, or a cadence longer than a period; the scale ends at unchanged.
            place = [int(p), row, round(min(value, 1.0), 4)]
            ink = "$surface" if value > (lowest + 1) / 2 else "$ink"
            label = {"show": labelled, "formatter": f"{100 * value:.0f}", "color": ink}
            data.append({"value": place, "text": text, "label": label | {"fontSize": 11}})
    return {"type": "heatmap", "data": data, "itemStyle": EDGE}


def _interval(cohort: Cohort, p: int) -> str:
    return f"{100 * cohort.low_P[p]:.0f}–{100 * cohort.high_P[p]:.0f}{numbers.SPACE}%"


def _rows(cohorts: tuple[Cohort, ...]) -> Iterator[tuple[Cell, ...]]:
    for cohort in cohorts:
        for p in np.flatnonzero(np.isfinite(cohort.similarity_P)):
            yield (
                _name(cohort),
                int(p) + 1,
                float(cohort.similarity_P[p]),
                _interval(cohort, int(p)),
                int(cohort.customers_P[p]),
                cohort.size,
            )
