"""What Complete Journey must reach at week 40, and the numbers it is measured against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.rows import Row, Rows
from bench.shops import JOURNEY
from penchant.evaluation.ledger import ALL

CUTOFF = 40
WINDOWS = ("1-4", "5-8", "9-12")
DIRICHLET = "dirichlet_12_80"
REACHED, MISSED, NOT_RUN, SHOWN = "PASS", "FAIL", "not run", "shown"

# Baselines computed from the same data by other code, before this project; no intervals are known.
ANCHORS = {
    ("anchor_popularity", "cross_entropy"): (4.868, 4.900, 4.893),
    ("anchor_dirichlet", "cross_entropy"): (4.532, 4.634, 4.646),
    ("anchor_gru", "cross_entropy"): (4.502, 4.611, 4.634),
    ("anchor_decayed", "average_precision"): (0.527, 0.507, 0.498),
    ("anchor_lightgbm", "average_precision"): (0.541, 0.518, 0.509),
    ("anchor_gru", "average_precision"): (0.533, 0.510, 0.502),
    ("anchor_decayed", "adoption_average_precision"): (0.072, 0.082, 0.083),
    ("anchor_lightgbm", "adoption_average_precision"): (0.093, 0.101, 0.100),
    ("anchor_gru", "adoption_average_precision"): (0.090, 0.098, 0.096),
}
REPRODUCED = 0.005  # nats within which a published cross-entropy counts as reproduced


@dataclass(frozen=True)
class Goal:
    """A bound on a number; without one it is only shown."""

    model: str
    metric: str
    window: str
    least: float | None = None
    most: float | None = None
    apart: float | None = None  # what the interval has to leave out
    dataset: str = JOURNEY
    cutoff: int | str = CUTOFF

    @property
    def wanted(self) -> str:
        """The bound in words."""
        if self.apart is not None:
            return f"at least {self.least:g}, surely above {self.apart:g}"
        if self.least is not None and self.most is not None:
            return f"{self.least:g} to {self.most:g}"
        if self.least is not None:
            return f"at least {self.least:g}"
        return "–" if self.most is None else f"at most {self.most:g}"

    def verdict(self, row: Row | None) -> str:
        """PASS or FAIL; what has no bound is only shown."""
        if row is None or row.value is None:
            return NOT_RUN
        if self.least is None and self.most is None:
            return SHOWN
        reached = self.least is None or row.value >= self.least
        reached &= self.most is None or row.value <= self.most
        if self.apart is not None:
            reached &= row.low is not None and row.low > self.apart
        return REACHED if reached else MISSED


def each_window(model: str, metric: str, **bounds: tuple[float, ...]) -> Iterator[Goal]:
    """A goal for each window, with the bounds of each."""
    for w, window in enumerate(WINDOWS):
        yield Goal(model, metric, window, **{name: bound[w] for name, bound in bounds.items()})


def _near(model: str, anchor: str) -> Iterator[Goal]:
    known = ANCHORS[anchor, "cross_entropy"]
    yield from each_window(
        model,
        "cross_entropy",
        least=tuple(round(value - REPRODUCED, 4) for value in known),
        most=tuple(round(value + REPRODUCED, 4) for value in known),
    )


GOALS = (
    *each_window("boosted", "average_precision", least=(0.545, 0.520, 0.511)),
    *each_window("boosted", "adoption_average_precision", least=(0.095, 0.102, 0.102)),
    *each_window("decayed_share", "cross_entropy", most=(4.537, 4.639, 4.651)),
    *_near(DIRICHLET, "anchor_dirichlet"),
    *_near("popularity", "anchor_popularity"),
    *each_window("boosted", "ece", most=(0.01, 0.01, 0.01)),
    *each_window("boosted", "coverage_80", least=(0.78, 0.78, 0.78), most=(0.82, 0.82, 0.82)),
    *each_window("boosted", "busy_coverage_80"),
    *each_window("boosted", "demand_coverage_80"),
    *each_window("boosted", "activity_coverage_80"),
    Goal("boosted", "seconds", ALL, most=90.0),
    Goal("boosted", "cpu_seconds", ALL),
    Goal("boosted / gamma_poisson", "seconds", ALL),
)


def anchor_rows() -> list[Row]:
    """The anchors as rows."""
    return [
        Row(JOURNEY, CUTOFF, window, model, metric, value)
        for (model, metric), values in ANCHORS.items()
        for window, value in zip(WINDOWS, values, strict=True)
    ]


def judge(rows: Rows, goals: Sequence[Goal] = GOALS) -> list[tuple[Goal, Row | None, str]]:
    """Every goal, what was found, and the verdict."""
    judged = []
    for goal in goals:
        row = rows.find(goal.dataset, goal.cutoff, goal.window, goal.model, goal.metric)
        judged.append((goal, row, goal.verdict(row)))
    return judged
