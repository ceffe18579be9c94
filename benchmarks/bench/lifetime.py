"""Models of customers' lifetimes as peers for counts: Pareto/NBD and BG/NBD of `lifetimes`.

A customer buys at a rate of his own until he leaves unseen. They know how often, how lately and for
how long, by the day, and nothing of what.
Sources: Schmittlein, Morrison and Colombo, "Counting your customers" (1987); Fader, Hardie and Lee,
"Counting your customers the easy way" (2005).
Shapes: U users, T topics (one), W windows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import make_forecast
from penchant.interest.task import Task

PENALTIES = (0.0, 0.001, 0.01, 0.1)  # tried in turn until the likelihood has a top


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """Recipe. Costs seconds; one topic only. Windows must start at the cutoff."""

    days: pa.Table  # with a purchase: user and time, also after the cutoff, which aren't read
    family: str = "bg_nbd"  # or pareto_nbd

    def fit(self, history: History, task: Task) -> "FittedLifetime":
        """Fit by likelihood; HistoryError for more than one topic or a later window."""
        if len(history.interest.topics_T) > 1 or any(window.start for window in task.windows):
            raise HistoryError(
                f"{self.family} counts purchases of one topic from the cutoff on; found "
                f"{len(history.interest.topics_T)} topics and {len(task.windows)} windows."
            )
        import lifetimes  # an old package, asked for only where counts are compared

        kind = lifetimes.ParetoNBDFitter if self.family == "pareto_nbd" else lifetimes.BetaGeoFitter
        seen = summary(self.days, history)
        seen = seen[seen["T"] > 0]
        for penalty in PENALTIES:
            model = kind(penalizer_coef=penalty)
            try:
                model.fit(seen["frequency"], seen["recency"], seen["T"])
            except lifetimes.utils.ConvergenceError:
                continue
            return FittedLifetime(task, self.family, self.days, model)
        raise HistoryError(f"The likelihood of {self.family} has no top, at any penalty tried.")


@dataclass(frozen=True)
class FittedLifetime:
    """Model."""

    task: Task
    family: str
    days: pa.Table
    model: Any

    def predict(self, history: History) -> Forecast:
        """Expected purchases and the chance of any, of every user; of a stranger neither."""
        seen = summary(self.days, history)
        known_U = seen["T"].to_numpy() > 0
        shape = (len(seen), 1, len(self.task.windows))
        chance_UTW, volume_UTW = (np.zeros(shape, dtype=np.float32) for _ in range(2))
        told = tuple(seen.loc[known_U, name] for name in ("frequency", "recency", "T"))
        for w, window in enumerate(self.task.windows):
            expected = self.model.conditional_expected_number_of_purchases_up_to_time
            volume_UTW[known_U, 0, w] = np.maximum(expected(window.end, *told), 0)
            chance_UTW[known_U, 0, w] = self._chance(window.end, *told)
        return make_forecast(history, self.task, chance_UTW, volume_UTW)

    def _chance(self, ahead: int, count: pd.Series, recency: pd.Series, age: pd.Series) -> Any:
        if self.family == "pareto_nbd":
            none = self.model.conditional_probability_of_n_purchases_up_to_time
            return 1 - np.array(
                [none(0, ahead, *cell) for cell in zip(count, recency, age, strict=True)]
            )
        # Nobody leaves before a purchase, so while none comes the rate alone decides.
        r, alpha = self.model.params_["r"], self.model.params_["alpha"]
        alive = self.model.conditional_probability_alive(count, recency, age)
        return alive * (1 - ((alpha + age) / (alpha + age + ahead)) ** (r + count))


def summary(days: pa.Table, history: History) -> pd.DataFrame:
    """Repeat purchases of each user, the last one's age at purchase, and the age now, in weeks."""
    told = days.select([c.USER, c.TIME]).to_pandas()
    end = pd.Timestamp(history.cutoff_date)
    known = told[told[c.TIME] < end].groupby(c.USER)[c.TIME].agg(["min", "max", "count"])
    known = known.reindex(history.interest.users_U)
    week = pd.Timedelta(weeks=1)
    return pd.DataFrame(
        {
            "frequency": (known["count"] - 1).fillna(0),
            "recency": ((known["max"] - known["min"]) / week).fillna(0),
            "T": ((end - known["min"]) / week).fillna(0),
        }
    )
