"""Experiments: by how much an arm differs from the control, with intervals.

An outcome is a mean over customers, or a ratio of two sums (value per order, clicks per visit) by
the delta method. A covariate from before the experiment takes out the variance that it explains
(CUPED) without shifting what is estimated. Good where customers were dealt by lot, are many, and
don't sway each other; blind to effects that come after the outcome was taken.
Sources: Deng et al., Improving the Sensitivity of Online Controlled Experiments, 2013; Deng et al.,
Applying the Delta Method in Metric Analytics, 2018; Kohavi et al., Seven Rules of Thumb, 2014.
Shapes: U users.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from penchant import columns as c
from penchant.decisions.power import smallest_effect
from penchant.decisions.sequential import PLANNED, always_valid
from penchant.errors import DataError
from penchant.interest.counts import Doubles
from penchant.interest.interest import Names

EXPERIMENT_SCHEMA = pa.schema(  # an effect a row; what can't be said is null
    [
        pa.field(c.EXPERIMENT, pa.string(), nullable=False),
        pa.field(c.OUTCOME, pa.string(), nullable=False),
        pa.field(c.START, pa.date32(), nullable=False),
        pa.field(c.END, pa.date32(), nullable=False),
        pa.field(c.ARM, pa.string(), nullable=False),
        pa.field("control", pa.string(), nullable=False),
        pa.field("units", pa.int64(), nullable=False),
        pa.field("control_units", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.float64())
            for name in (
                *(c.MEAN, "control_mean", c.VALUE, c.LOW, c.HIGH, c.CHANCE),
                *("low_always", "high_always", "chance_always", "relative"),
            )
        ),
        pa.field("trusted", pa.bool_(), nullable=False),  # the arms are as large as planned
        pa.field("notes", pa.list_(pa.string()), nullable=False),
    ]
)
SKEWED = 355  # users needed in an arm, times the outcome's squared skewness


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What each customer did after, and before, the experiment began.

    With `per_U` it is the ratio of the sums of `value_U` and `per_U`; `covariate_per_U` is the same
    of the time before. Raises DataError where a number is missing.
    """

    value_U: Doubles
    per_U: Doubles | None = None
    covariate_U: Doubles | None = None
    covariate_per_U: Doubles | None = None

    def __post_init__(self) -> None:
        for name in ("value_U", "per_U", "covariate_U", "covariate_per_U"):
            part_U = getattr(self, name)
            if part_U is None:
                continue
            if len(part_U) != len(self.value_U) or not np.isfinite(part_U).all():
                raise DataError(
                    f"An outcome needs a finite number of every customer; '{name}' has "
                    f"{int(np.isfinite(part_U).sum()):,} for {len(self.value_U):,} customers."
                )


@dataclass(frozen=True)
class Effect:
    """An arm less the control. Ends of intervals are NaN where nothing can be said.

    `low` and `high` hold at one look that was planned, `low_always` and `high_always` at every one.
    """

    arm: str
    control: str
    units: int
    control_units: int
    mean: float
    control_mean: float
    value: float  # the difference, adjusted by the covariate where there is one
    low: float
    high: float
    chance: float  # of a difference as large without an effect
    low_always: float
    high_always: float
    chance_always: float
    relative: float  # the difference in parts of the control's mean
    relative_low: float
    relative_high: float
    reduction: float  # part of the variance that the covariate took out
    smallest: float  # difference that would have been found with a chance of 80 %
    notes: tuple[str, ...] = field(default=())


class _Arm(NamedTuple):
    """An arm's mean or ratio, adjusted, and what each customer adds to its error."""

    mean: float
    adjusted: float
    raw_U: Doubles
    error_U: Doubles

    @property
    def variance(self) -> float:
        """Of the adjusted mean."""
        return float(self.error_U.var(ddof=1)) / len(self.error_U)


def effects(
    arm_U: Names,
    outcome: Outcome,
    control: str,
    *,
    level: float = 0.95,
    planned: int = PLANNED,
) -> tuple[Effect, ...]:
    """Every other arm less the control, in the order of their names.

    With several, each interval is widened so that all hold together (Bonferroni); chances are of
    each alone. `planned` is the number of customers at which the always-valid interval is tightest.
    Raises DataError for a control that nobody has, an arm of one customer, or a ratio over 0.
    """
    names = [str(name) for name in np.unique(arm_U)]
    if control not in names or len(names) < 2:
        raise DataError(
            f"An effect is told against the control '{control}', and needs another arm; found: "
            f"{', '.join(names)}."
        )
    arms = _arms(arm_U, outcome, names)
    each = 1 - (1 - level) / (len(names) - 1)
    others = [name for name in names if name != control]
    return tuple(_effect((name, control), arms, each, planned) for name in others)


def _arms(arm_U: Names, outcome: Outcome, names: list[str]) -> dict[str, _Arm]:
    rows = {name: np.flatnonzero(arm_U == name) for name in names}
    for name, row_U in rows.items():
        if len(row_U) < 2:
            raise DataError(f"The arm '{name}' has {len(row_U)} customer; it needs at least two.")
    after = {name: _linear(outcome.value_U, outcome.per_U, row_U) for name, row_U in rows.items()}
    if outcome.covariate_U is None:
        return {name: _Arm(mean, mean, own_U, own_U) for name, (mean, own_U) in after.items()}
    past_U, per_U = outcome.covariate_U, outcome.covariate_per_U
    before = {name: _linear(past_U, per_U, row_U) for name, row_U in rows.items()}
    joint = sum(float(after[name][1] @ before[name][1]) for name in names)
    spread = sum(float(before[name][1] @ before[name][1]) for name in names)
    slope = joint / spread if spread > 0 else 0.0
    everybody = np.arange(len(arm_U))
    usual, _ = _linear(past_U, per_U, everybody)
    return {
        name: _Arm(
            mean,
            mean - slope * (before[name][0] - usual),
            own_U,
            own_U - slope * before[name][1],
        )
        for name, (mean, own_U) in after.items()
    }


def _linear(
    value_U: Doubles, per_U: Doubles | None, row_U: npt.NDArray[np.intp]
) -> tuple[float, Doubles]:
    """A mean or ratio of some users, and its first-order change by each, with a mean of 0."""
    value_U = np.asarray(value_U, dtype=np.float64)[row_U]
    if per_U is None:
        mean = float(value_U.mean())
        return mean, value_U - mean
    per_U = np.asarray(per_U, dtype=np.float64)[row_U]
    if per_U.sum() == 0:
        raise DataError("A ratio's lower part adds up to 0 in an arm; there is nothing to tell.")
    ratio = float(value_U.sum() / per_U.sum())
    return ratio, (value_U - ratio * per_U) / per_U.mean()


def _effect(pair: tuple[str, str], arms: dict[str, _Arm], level: float, planned: int) -> Effect:
    arm, control = (arms[name] for name in pair)
    units, control_units = len(arm.error_U), len(control.error_U)
    value, base = arm.adjusted - control.adjusted, control.adjusted
    error = math.sqrt(arm.variance + control.variance)
    reach = float(stats.norm.ppf((1 + level) / 2))
    always = always_valid(value, error, units + control_units, level=level, planned=planned)
    relative, off = math.nan, math.nan
    if base != 0:
        relative = value / base
        # The delta method: the control's error moves the base as well.
        off = math.hypot(
            math.sqrt(arm.variance), (1 + relative) * math.sqrt(control.variance)
        ) / abs(base)
    told = error > 0
    margin = reach * error if told else math.nan
    margin_always = always.margin if told else math.nan
    total, share = units + control_units, units / (units + control_units)
    deviation = error * math.sqrt(total * share * (1 - share))
    return Effect(
        *pair,
        units,
        control_units,
        arm.mean,
        control.mean,
        value,
        value - margin,
        value + margin,
        float(2 * stats.norm.sf(abs(value) / error)) if told else math.nan,
        value - margin_always,
        value + margin_always,
        always.chance if told else math.nan,
        relative,
        relative - reach * off if told else math.nan,
        relative + reach * off if told else math.nan,
        _reduction(arm, control),
        smallest_effect(deviation, total, share=share, level=level) if told else math.nan,
        _notes(pair, arms, told),
    )


def _reduction(arm: _Arm, control: _Arm) -> float:
    if arm.error_U is arm.raw_U:
        return 0.0
    raw = sum(float(one.raw_U.var(ddof=1)) / len(one.raw_U) for one in (arm, control))
    return 1 - (arm.variance + control.variance) / raw if raw > 0 else 0.0


def _notes(pair: tuple[str, str], arms: dict[str, _Arm], told: bool) -> tuple[str, ...]:
    """What keeps an interval from being trusted."""
    if not told:
        return ("All customers of an arm have the same outcome, so there is no interval.",)
    notes = []
    for name in pair:
        error_U = arms[name].error_U
        skew = float(stats.skew(error_U)) if error_U.std() > 0 else 0.0
        if len(error_U) < (needed := math.ceil(max(SKEWED * skew**2, 100))):
            notes.append(
                f"The outcome is so uneven that a normal interval needs some {needed:,} customers "
                f"in an arm; '{name}' has {len(error_U):,}. Read it with care."
            )
    return tuple(notes)
