"""Peers of demand: statsforecast's methods for every series, and hierarchicalforecast on top.

A season of a year can't be told from less than two, so seasonal naive repeats the last four weeks.
Series without demand in more than two steps of five are TSB's, which the others aren't made for.
Shapes: N nodes, T topics, S steps known, H steps ahead.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from hierarchicalforecast.core import HierarchicalReconciliation
from hierarchicalforecast.methods import BottomUp, MinTrace
from scipy.stats import norm
from statsforecast.models import TSB, AutoARIMA, AutoETS

from penchant.decisions.tree import LEVELS, Tree

SEASON = 4  # weeks
MEAN_OF = 12  # weeks of the plain mean
MOST_IDLE = 0.4  # share of steps without demand, beyond which TSB takes over
SMOOTHING = 0.1  # of TSB
LEVEL = 80  # of the intervals asked for, in per cent
BASE = "AutoETS"
FIRST = pd.Timestamp("2017-01-02")


@dataclass(frozen=True)
class Peer:
    """Means and deviations of every node, read as normal and cut at 0."""

    mean_NH: np.ndarray
    deviation_NH: np.ndarray

    def quantile_NH(self, q: float) -> np.ndarray:
        """The quantile of every node and step."""
        return np.maximum(norm.ppf(q, self.mean_NH, np.maximum(self.deviation_NH, 1e-9)), 0.0)


@dataclass(frozen=True)
class Fitted:
    """One method's forecast of every node by itself, and what it said of the steps known."""

    told: Peer
    past_NS: np.ndarray


def peers(count_TS: np.ndarray, tree: Tree, ahead: int, feature_NCF: np.ndarray) -> dict[str, Peer]:
    """Every peer's forecast of every node; `_each` forecasts a node by itself, others add up.

    `feature_NCF` is what is known of each node's steps and of those ahead: F features of C steps.
    """
    count_NS = tree.summed(count_TS)
    found = {
        "seasonal_naive": _added(tree, _naive(count_NS, ahead)),
        "mean_of_12": _added(tree, _mean(count_NS, ahead)),
    }
    ets = _every(count_NS, ahead, lambda: AutoETS(season_length=1))
    arima = _every(count_NS, ahead, lambda: AutoARIMA(season_length=1))
    told = _every(count_NS, ahead, lambda: AutoARIMA(season_length=1), feature_NCF)
    found |= {
        "ets_each": ets.told,
        "arima_each": arima.told,
        "arima_calendar_each": told.told,
        "ets_bottom_up": _added(tree, ets.told),
        "arima_bottom_up": _added(tree, arima.told),
        "arima_calendar_bottom_up": _added(tree, told.told),
    }
    return found | _reconciled(count_NS, ets, tree, ahead)


def _naive(count_NS: np.ndarray, ahead: int) -> Peer:
    mean_NH = np.tile(count_NS[:, -SEASON:], (1, -(-ahead // SEASON)))[:, :ahead]
    change_N1 = (count_NS[:, SEASON:] - count_NS[:, :-SEASON]).std(axis=1, keepdims=True)
    return Peer(mean_NH, change_N1 * np.sqrt(1 + np.arange(ahead) // SEASON))


def _mean(count_NS: np.ndarray, ahead: int) -> Peer:
    last_NS = count_NS[:, -MEAN_OF:]
    one_NH = np.ones((len(count_NS), ahead))
    return Peer(one_NH * last_NS.mean(1)[:, None], one_NH * last_NS.std(1, ddof=1)[:, None])


def _every(
    count_NS: np.ndarray, ahead: int, recipe: Any, feature_NCF: np.ndarray | None = None
) -> Fitted:
    """A method for every node by itself; TSB where demand is intermittent."""
    nodes, known = count_NS.shape
    mean_NH, deviation_NH = np.zeros((nodes, ahead)), np.zeros((nodes, ahead))
    past_NS = np.zeros((nodes, known))
    for node, count_S in enumerate(count_NS):
        own_S = np.trim_zeros(count_S, "f")
        if len(own_S) < 2 * SEASON:
            mean_NH[node], deviation_NH[node] = own_S.sum() / known, count_S.std()
            past_NS[node] = mean_NH[node, 0]
            continue
        idle = (own_S == 0).mean() > MOST_IDLE
        model = TSB(SMOOTHING, SMOOTHING) if idle else recipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if idle:
                mean_NH[node] = model.forecast(own_S, ahead)["mean"]
                deviation_NH[node] = own_S.std()
                past_NS[node] = mean_NH[node, 0]
                continue
            past, later = _features(feature_NCF, node, known, len(own_S))
            fitted = model.fit(own_S, X=past)
            said = fitted.predict(ahead, X=later, level=[LEVEL])
            past_NS[node, known - len(own_S) :] = fitted.predict_in_sample()["fitted"]
        mean_NH[node] = said["mean"]
        reach = norm.ppf((1 + LEVEL / 100) / 2)
        deviation_NH[node] = (said[f"hi-{LEVEL}"] - said["mean"]) / reach
    return Fitted(Peer(np.maximum(mean_NH, 0), np.nan_to_num(deviation_NH)), past_NS)


def _features(
    feature_NCF: np.ndarray | None, node: int, known: int, own: int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """A node's features in the steps of its series, and ahead; those that vary, none if none do."""
    if feature_NCF is None:
        return None, None
    past_SF, later_HF = feature_NCF[node, known - own : known], feature_NCF[node, known:]
    vary_F = past_SF.std(axis=0) > 0
    if not vary_F.any():
        return None, None
    return past_SF[:, vary_F], later_HF[:, vary_F]


def _added(tree: Tree, told: Peer) -> Peer:
    """Topics' forecasts added up to every node, errors taken for independent."""
    upper = len(told.mean_NH) - len(tree.topics_T)
    variance_NH = tree.summed(told.deviation_NH[upper:] ** 2)
    return Peer(tree.summed(told.mean_NH[upper:]), np.sqrt(variance_NH))


def _reconciled(count_NS: np.ndarray, base: Fitted, tree: Tree, ahead: int) -> dict[str, Peer]:
    """Hierarchicalforecast's reconciliations of a base forecast."""
    nodes, known = count_NS.shape
    names = [f"{k:04}" for k in range(nodes)]
    weeks = pd.date_range(FIRST, periods=known + ahead, freq="W-MON")

    def frame(**value_NS: np.ndarray) -> pd.DataFrame:
        steps = next(iter(value_NS.values())).shape[1]
        times = weeks[:known] if steps == known else weeks[known:]
        flat = {name: value.ravel() for name, value in value_NS.items()}
        return pd.DataFrame(
            {"unique_id": np.repeat(names, steps), "ds": np.tile(times, nodes), **flat}
        )

    reach = norm.ppf((1 + LEVEL / 100) / 2) * base.told.deviation_NH
    ahead_frame = frame(
        **{
            BASE: base.told.mean_NH,
            f"{BASE}-lo-{LEVEL}": base.told.mean_NH - reach,
            f"{BASE}-hi-{LEVEL}": base.told.mean_NH + reach,
        }
    )
    topics = names[nodes - len(tree.topics_T) :]
    sums = pd.DataFrame(tree.sums_NT, columns=topics)
    sums.insert(0, "unique_id", names)
    level_N = tree.level_N
    tags = {level: np.array(names)[level_N == k] for k, level in enumerate(LEVELS)}
    recipes = {
        "hf_bottom_up": BottomUp(),
        "hf_wls_var": MinTrace("wls_var"),
        "hf_mint_shrink": MinTrace("mint_shrink"),
    }
    found = {}
    for name, recipe in recipes.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = HierarchicalReconciliation([recipe]).reconcile(
                Y_hat_df=ahead_frame,
                Y_df=frame(**{"y": count_NS, BASE: base.past_NS}),
                S_df=sums,
                tags=tags,
                level=[LEVEL],
            )
        made = made.sort_values(["unique_id", "ds"])
        end = next(one for one in made.columns if "/" in one and one.endswith(f"-hi-{LEVEL}"))
        column = end.removesuffix(f"-hi-{LEVEL}")
        mean_NH, high_NH = (made[one].to_numpy().reshape(nodes, ahead) for one in (column, end))
        deviation_NH = (high_NH - mean_NH) / norm.ppf((1 + LEVEL / 100) / 2)
        found[name] = Peer(np.maximum(mean_NH, 0), deviation_NH)
    return found
