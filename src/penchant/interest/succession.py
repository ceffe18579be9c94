"""Succession: will one interest give way to another? Forecast migration, from any forecast.

The chances of successive windows are read as hazards that are constant within a window: a chance p
is a hazard -log(1 - p) per window. Topic A gives way to B in a window if A, engaged in lately, is
idle in it and B, not engaged in lately, is active; and B comes before A if B's first engagement
after the cutoff does.

Topics of one customer stand and fall together, since whoever shops less buys less of everything.
So all of a customer's hazards share a factor, a Gamma of mean 1 whose variance is the *bond*: the
chance that two topics are both idle is then Clayton's copula of the chances that each is, and
every chance of a single topic stays as forecast. A bond of 0 is independence, which foretells
too much giving way; `learn_bond` finds the likeliest from an earlier cutoff. What binds particular
topics to each other, such as a substitute that takes a place, is not in a forecast of single
topics and not here.
Source: Clayton (1978), A model for association in bivariate life tables.
Shapes: U users, T topics, W windows, N pairs of topics, R ranks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.optimize import minimize_scalar

from penchant import columns as c
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.outcome import Outcome, outcome
from penchant.interest.stationary import lookback
from penchant.interest.task import Task, Window

Rows = Integers

MOST_CHANCE = 1 - 1e-6  # so that every hazard is finite
MOST_BOND = 5.0
PAIRS = 40  # of a user, that a bond is fitted to
LEAST_CHANCE = 1e-12  # of what happened, so that its logarithm is finite

SUCCESSION_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.FROM, pa.string(), nullable=False),
        pa.field(c.TO, pa.string(), nullable=False),
        pa.field(c.WINDOW, pa.string(), nullable=False),
        pa.field(c.START, pa.date32(), nullable=False),  # first day of the window
        pa.field(c.END, pa.date32(), nullable=False),  # first day after it
        pa.field(c.CHANCE, pa.float32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Order:
    """Which of two topics is engaged in first within the horizon; the three chances sum to 1."""

    b_first_N: Doubles
    a_first_N: Doubles
    neither_N: Doubles

    @property
    def b_first_given_either_N(self) -> Doubles:
        """P(B before A), given that either is engaged in; a half where neither can be."""
        either_N = self.b_first_N + self.a_first_N
        half_N = np.full_like(either_N, 0.5)
        return np.divide(self.b_first_N, either_N, out=half_N, where=either_N > 0)


@dataclass(frozen=True)
class Succession:
    """A forecast beside what was engaged in lately; pairs are named by rows and topic codes."""

    forecast: Forecast
    recent_UT: Flags  # any engagement in the look-back
    bond: float  # variance of the factor that a user's hazards share

    def __post_init__(self) -> None:
        if self.recent_UT.shape != self.forecast.chance_UTW.shape[:2]:
            raise HistoryError(
                f"A forecast of {self.forecast.chance_UTW.shape[:2]} users and topics needs as "
                f"many flags of recent engagement; found {self.recent_UT.shape}."
            )
        if not 0 <= self.bond <= MOST_BOND:
            raise HistoryError(f"A bond lies in [0, {MOST_BOND:g}]; found {self.bond:g}.")

    def give_way(self, row_N: Rows, a_N: Rows, b_N: Rows, window: Window) -> Doubles:
        """P(A gives way to B in the window); 0 unless A is recent and B is not."""
        w = self._place(window)
        a_hazard_N, b_hazard_N = (
            self._hazard_NW(row_N, a_N)[:, w],
            self._hazard_NW(row_N, b_N)[:, w],
        )
        both_idle_N = _survival(a_hazard_N + b_hazard_N, self.bond)
        possible_N = self.recent_UT[row_N, a_N] & ~self.recent_UT[row_N, b_N]
        return (_survival(a_hazard_N, self.bond) - both_idle_N) * possible_N

    def order(self, row_N: Rows, a_N: Rows, b_N: Rows) -> Order:
        """Which of A and B is engaged in first, within the last window's end.

        In a window that neither entered engaged, the first engagement is B's with the part that
        B's hazard has in the sum of both. HistoryError unless the windows follow each other from
        the cutoff on.
        """
        order_W = self._contiguous()
        a_NW, b_NW = (
            self._hazard_NW(row_N, a_N)[:, order_W],
            self._hazard_NW(row_N, b_N)[:, order_W],
        )
        both_NW = a_NW + b_NW
        end_NW = _survival(np.cumsum(both_NW, axis=1), self.bond)
        start_NW = np.hstack([np.ones((len(row_N), 1)), end_NW[:, :-1]])
        part_NW = np.divide(b_NW, both_NW, out=np.zeros_like(both_NW), where=both_NW > 0)
        ended_NW = start_NW - end_NW
        b_first_N = (part_NW * ended_NW).sum(axis=1)
        return Order(b_first_N, 1 - end_NW[:, -1] - b_first_N, end_NW[:, -1])

    def top(self, k: int, window: Window) -> pa.Table:
        """The `k` likeliest pairs of each user in a window, likeliest first, `SUCCESSION_SCHEMA`.

        A pair is the likelier, the likelier A is idle and the likelier B is active; so of the
        pairs of the i-th likeliest A and the j-th likeliest B only those with i·j <= k are looked
        at. Costs two sorts of the forecast's cells. Users without a recent topic, or with
        nothing else, have no row.
        """
        chance_UT = self.forecast.chance_UTW[:, :, self._place(window)]
        a_UR = _best(np.where(self.recent_UT, 1 - chance_UT, -1), k)
        b_UR = _best(np.where(self.recent_UT, -1, chance_UT), k)
        i_N, j_N = np.indices((a_UR.shape[1], b_UR.shape[1])).reshape(2, -1)
        near_N = (i_N + 1) * (j_N + 1) <= k
        a_UR, b_UR = a_UR[:, i_N[near_N]], b_UR[:, j_N[near_N]]
        row_N = np.repeat(np.arange(len(a_UR)), a_UR.shape[1])
        chance_N = self.give_way(row_N, a_UR.ravel(), b_UR.ravel(), window)
        chance_UR = chance_N.reshape(a_UR.shape)
        rank_UR = _best(chance_UR, k)
        u_N, place_N = np.nonzero(np.take_along_axis(chance_UR, rank_UR, axis=1) > 0)
        rank_N = rank_UR[u_N, place_N]
        cell = (u_N, rank_N)
        return self._table(u_N, a_UR[cell], b_UR[cell], window, chance_UR[cell])

    def _table(
        self, row_N: Rows, a_N: Rows, b_N: Rows, window: Window, chance_N: Doubles
    ) -> pa.Table:
        start, end = self.forecast.dates(window)
        columns = {
            c.USER: pa.array(self.forecast.users_U[row_N]),
            c.FROM: pa.array(self.forecast.topics_T[a_N]),
            c.TO: pa.array(self.forecast.topics_T[b_N]),
            c.WINDOW: pa.array([window.name] * len(row_N), pa.string()),
            c.START: pa.array([start] * len(row_N), pa.date32()),
            c.END: pa.array([end] * len(row_N), pa.date32()),
            c.CHANCE: pa.array(chance_N.astype(np.float32)),
        }
        return pa.table(columns, schema=SUCCESSION_SCHEMA)

    def _hazard_NW(self, row_N: Rows, topic_N: Rows) -> Doubles:
        """Hazard of each window, at a factor of 1, that gives the cell its forecast chance."""
        chance_NW = self.forecast.chance_UTW[row_N, topic_N].astype(np.float64)
        log_idle_NW = np.log1p(-np.minimum(chance_NW, MOST_CHANCE))
        if self.bond == 0:
            return -log_idle_NW
        return np.expm1(-self.bond * log_idle_NW) / self.bond

    def _place(self, window: Window) -> int:
        windows_W = self.forecast.windows_W
        if window not in windows_W:
            names = ", ".join(known.name for known in windows_W)
            raise HistoryError(
                f"The forecast has no window {window.name}, only {names}. "
                "Ask for one of these, or forecast that window."
            )
        return windows_W.index(window)

    @property
    def contiguous(self) -> bool:
        """Whether the windows follow each other from the cutoff on."""
        windows = sorted(self.forecast.windows_W)
        ends = [0, *(window.end for window in windows)]
        return [window.start for window in windows] == ends[:-1]

    def _contiguous(self) -> Rows:
        """Places of the windows in time, which leave no gap."""
        windows_W = self.forecast.windows_W
        order_W = np.array(sorted(range(len(windows_W)), key=lambda w: windows_W[w]))
        if not self.contiguous:
            names = ", ".join(windows_W[w].name for w in order_W)
            raise HistoryError(
                "Which topic comes first needs windows that follow each other from the cutoff "
                f"on; found {names}. Forecast windows such as 1-4, 5-8, 9-12."
            )
        return order_W


def _survival(hazard_N: Doubles, bond: float) -> Doubles:
    """P(nothing happens) at a summed hazard, over the shared factor."""
    return np.exp(-hazard_N) if bond == 0 else np.exp(-np.log1p(bond * hazard_N) / bond)


def _best(value_UT: npt.NDArray[np.floating], k: int) -> Rows:
    """Places of the `k` greatest of each row, greatest first."""
    return np.argsort(-value_UT, axis=1, kind="stable")[:, :k]


def succession(
    history: History, forecast: Forecast, target: tuple[str, ...], bond: float = 0.0
) -> Succession:
    """Lay a forecast beside the engagements of kinds `target` in the half year before it.

    `bond` comes from `learn_bond`; 0 takes topics for independent. HistoryError if the forecast is
    not of this history's users, topics and cutoff.
    """
    interest, end = history.interest, history.cutoff
    for what, same in (
        ("users", np.array_equal(forecast.users_U, interest.users_U)),
        ("topics", np.array_equal(forecast.topics_T, interest.topics_T)),
        ("cutoff", forecast.origin == interest.origin + end),
    ):
        if not same:
            raise HistoryError(
                f"The forecast's {what} differ from the history's. Predict this very history."
            )
    recent_UT = interest.count_UT(target, max(0, end - lookback(interest.step)), end) > 0
    return Succession(forecast, recent_UT, bond)


def learn_bond(recipe: Recipe, history: History, task: Task, seed: int = 0) -> float:
    """Fit a recipe a horizon before the cutoff, and the bond to what came true since.

    Costs a fit and a forecast of the recipe, and about a second. HistoryError if the history is
    no longer than the horizon.
    """
    earlier = history.cutoff - task.horizon
    if earlier < 1:
        raise HistoryError(
            f"A bond is learned from windows that have passed: {history.cutoff} steps are known, "
            f"and the windows reach {task.horizon}. Ask for nearer windows."
        )
    past = history.until(earlier)
    forecast = recipe.fit(past, task).predict(past)
    truth = outcome(history, past.interest.users_U, earlier, task)
    return fit_bond(succession(past, forecast, task.target), truth, seed)


def sample_pairs(recent_UT: Flags, pairs: int, seed: int) -> tuple[Rows, Rows, Rows]:
    """Rows, recent topics A and other topics B: `pairs` of each user who has both kinds."""
    rng = np.random.default_rng(seed)
    chosen = []
    for among_UT in (recent_UT, ~recent_UT):
        size_U = among_UT.sum(axis=1)
        chosen.append((np.cumsum(size_U) - size_U, size_U, np.nonzero(among_UT)[1]))
    row_U = np.flatnonzero((chosen[0][1] > 0) & (chosen[1][1] > 0))
    row_N = np.repeat(row_U, pairs)
    a_N, b_N = (
        topic_N[start_U[row_N] + (rng.random(len(row_N)) * size_U[row_N]).astype(np.int64)]
        for start_U, size_U, topic_N in chosen
    )
    return row_N, a_N, b_N


def fit_bond(past: Succession, truth: Outcome, seed: int = 0) -> float:
    """The bond under which it is likeliest which of two topics were active, over sampled pairs.

    `truth` holds the outcome of the forecast's cells. 0 if nobody has a pair.
    """
    row_N, a_N, b_N = sample_pairs(past.recent_UT, PAIRS, seed)
    if not len(row_N):
        return 0.0
    a_idle_NW, b_idle_NW = (
        np.log1p(-np.minimum(past.forecast.chance_UTW[row_N, t_N].astype(float), MOST_CHANCE))
        for t_N in (a_N, b_N)
    )
    a_came_NW, b_came_NW = (truth.count_UTW[row_N, t_N] > 0 for t_N in (a_N, b_N))
    a_NW, b_NW = np.exp(a_idle_NW), np.exp(b_idle_NW)

    def surprise(bond: float) -> float:
        summed_NW = (np.expm1(-bond * a_idle_NW) + np.expm1(-bond * b_idle_NW)) / bond
        none_NW = _survival(summed_NW, bond)
        idle_a_NW = np.where(b_came_NW, a_NW - none_NW, none_NW)
        busy_a_NW = np.where(b_came_NW, 1 - a_NW - b_NW + none_NW, b_NW - none_NW)
        chance_NW = np.where(a_came_NW, busy_a_NW, idle_a_NW)
        return float(-np.log(np.maximum(chance_NW, LEAST_CHANCE)).mean())

    found = minimize_scalar(
        surprise, bounds=(1e-3, MOST_BOND), method="bounded", options={"xatol": 1e-3}
    )
    return float(found.x)
