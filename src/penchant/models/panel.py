"""What a network reads: the same users at several cutoffs, with every cell's features on one scale.

A snapshot is one cutoff: features of every cell of the panel's users, those of each topic that
depend on the window, and, while training, what came. Features are those of the boosted trees
without codes of topics and attributes, which a network can't read as numbers.
Shapes: U users, T topics, S steps, W windows, F features, N cells, H half-lives.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penchant.interest.counts import Flags
from penchant.interest.history import History
from penchant.interest.interest import Floats, Names
from penchant.interest.outcome import first_share, outcome, spend
from penchant.interest.task import Task
from penchant.models.dense import dense, user_blocks
from penchant.models.features import Context, block_columns, look_columns
from penchant.models.sampling import Look

Halves = npt.NDArray[np.float16]
CODES = ("topic_code", "topic_parent", "user_attribute_")  # starts of names that are no amounts
UNKNOWN = "_unknown"  # end of the name of a column that says so
HEAVY = 12.0  # spreads: a feature that reaches farther is squashed
FARTHEST = 5.0  # spreads: farther values are cut
MONEY_HALF_LIVES = (2.0, 8.0, 32.0)  # steps
SCALE_USERS = 200  # of each cutoff, who tell the scale


@dataclass(frozen=True)
class Scaling:
    """How features come to a mean of 0 and a spread of 1; heavy tails by their logarithm first."""

    heavy_F: Flags
    missing_F: Flags  # features that can be unknown, which get a column that says so
    mean_F: Floats
    spread_F: Floats
    names_F: Names

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns after scaling."""
        unknown_F = np.char.add(self.names_F[self.missing_F], UNKNOWN)
        return (*self.names_F.tolist(), *unknown_F.tolist())

    def __call__(self, raw_NF: Floats) -> Floats:
        """Scale features of cells; unknown ones become the mean. Column by column, for speed."""
        out_FN = np.empty((len(self.columns), len(raw_NF)), dtype=np.float32)
        told = len(self.mean_F)
        for f, (mean, spread) in enumerate(zip(self.mean_F, self.spread_F, strict=True)):
            raw_N, out_N = raw_NF[:, f], out_FN[f]
            np.subtract(squashed(raw_N) if self.heavy_F[f] else raw_N, mean, out=out_N)
            np.divide(out_N, spread, out=out_N)
            np.clip(out_N, -FARTHEST, FARTHEST, out=out_N)
            unknown_N = np.isnan(out_N)
            out_N[unknown_N] = 0
            if self.missing_F[f]:
                out_FN[told] = unknown_N
                told += 1
        return out_FN.T


def squashed(value_N: Floats) -> Floats:
    """The logarithm of what lies beyond 0, on both sides."""
    return np.sign(value_N) * np.log1p(np.abs(value_N))


def learn_scaling(raw_NF: Floats, names_F: Names, missing_F: Flags | None = None) -> Scaling:
    """Learn the scale of features from some cells; `missing_F` may be that of another shop."""
    if missing_F is None:
        missing_F = np.asarray(np.isnan(raw_NF).any(axis=0))
    known_NF = np.ma.masked_invalid(raw_NF)
    heavy_F = np.abs(known_NF).max(axis=0).filled(0) > HEAVY * (known_NF.std(axis=0).filled(0))
    known_NF[:, heavy_F] = squashed(known_NF[:, heavy_F])
    mean_F = known_NF.mean(axis=0).filled(0).astype(np.float32)
    spread_F = known_NF.std(axis=0).filled(0).astype(np.float32)
    spread_F = np.where(spread_F > 1e-6, spread_F, 1)
    return Scaling(np.asarray(heavy_F), missing_F, mean_F, spread_F, names_F)


@dataclass(frozen=True)
class Snapshot:
    """One cutoff of a panel."""

    cutoff: int
    feature_UTF: Halves
    ever_UT: Flags  # cells with a past
    count_UTW: Floats  # what came; zero where it isn't known
    passed_W: Flags  # windows whose outcome is known
    user_UF: Floats  # mean of the features of a user's cells
    money_UH: Floats  # money a step, fading
    first_UT: Halves  # share of each topic in what the user did first
    spend_UW: Floats  # money spent; zero where it isn't known


@dataclass(frozen=True)
class Panel:
    """Users at several cutoffs, the latest first."""

    history: History  # of these users only, up to the cutoff of the fit
    snapshots: tuple[Snapshot, ...]


@dataclass(frozen=True)
class CellTable:
    """Every cell of a block of users, as it is read before scaling."""

    raw_NF: Floats  # column after column in memory
    names_F: Names
    ever_UT: Flags  # cells with a past


def cell_table(
    block: History, context: Context, task: Task, extras: list[dict[str, Floats]]
) -> CellTable:
    """Raw features of every cell of a block of users; `extras` are those of the windows."""
    laid = dense(block, task.target)
    columns = block_columns(block, laid, context)
    columns = {name: value for name, value in columns.items() if not name.startswith(CODES)}
    for w, extra in enumerate(extras):
        columns |= {f"{w}_{name}": value_T for name, value_T in extra.items()}
    raw_FUT = np.empty((len(columns), *laid.money_UT.shape), dtype=np.float32)
    for raw_UT, value in zip(raw_FUT, columns.values(), strict=True):
        raw_UT[:] = value
    raw_NF = raw_FUT.reshape(len(columns), -1).T
    return CellTable(raw_NF, np.array(list(columns)), laid.ever_UT)


def money_rates(history: History) -> Floats:
    """Money that each user spends a step, by how fast the past fades, `UH`."""
    interest, steps = history.interest, history.cutoff
    rates = []
    for half_life in MONEY_HALF_LIVES:
        fading_S = 0.5 ** (np.arange(steps - 1, -1, -1) / half_life)
        money_N = interest.money_N * fading_S[interest.step_N]
        money_U = np.bincount(interest.user_N, money_N, minlength=len(interest.users_U))
        rates.append(np.maximum(money_U, 0) / fading_S.sum())
    return np.stack(rates, axis=1).astype(np.float32)


def panel_of(
    history: History,
    looks: Iterable[Look],
    task: Task,
    most_users: int,
    seed: int,
    missing_F: Flags | None = None,
) -> tuple[Panel, Scaling]:
    """Lay out at most `most_users` users of a history at each look, and learn the scale."""
    looks = tuple(looks)
    users = len(history.interest.users_U)
    rng = np.random.default_rng(seed)
    row_U = np.sort(rng.permutation(users)[:most_users])
    extras = [look_columns(look.past, look.context, task) for look in looks]
    few_U = row_U[:: max(1, len(row_U) // SCALE_USERS)]
    samples = [
        cell_table(look.past.only(few_U), look.context, task, extra)
        for look, extra in zip(looks, extras, strict=True)
    ]
    raw_NF = np.concatenate([sample.raw_NF for sample in samples])
    scaling = learn_scaling(raw_NF, samples[0].names_F, missing_F)
    snapshots = tuple(
        _snapshot(history, look, task, row_U, (extra, scaling))
        for look, extra in zip(looks, extras, strict=True)
    )
    return Panel(history.only(row_U), snapshots), scaling


def _snapshot(
    history: History,
    look: Look,
    task: Task,
    row_U: npt.NDArray[np.int64],
    read: tuple[list[dict[str, Floats]], Scaling],
) -> Snapshot:
    extras, scaling = read
    past = look.past.only(row_U)
    topics = past.interest.shape[1]
    parts = []
    for block in user_blocks(past):
        cells = cell_table(block, look.context, task, extras)
        feature_NF = scaling(cells.raw_NF).astype(np.float16, order="C")
        width = feature_NF.shape[1]
        parts.append((feature_NF.reshape(-1, topics, width), cells.ever_UT))
    passed_W = np.isin(np.arange(len(task.windows)), look.passed)
    count_UTW = np.zeros((len(row_U), topics, len(task.windows)), dtype=np.float32)
    asked = Task(
        windows=tuple(task.windows[w] for w in look.passed), target=task.target, step=task.step
    )
    question = (history, past.interest.users_U, past.cutoff, asked)
    count_UTW[:, :, passed_W] = outcome(*question).count_UTW
    spend_UW = np.zeros((len(row_U), len(task.windows)), dtype=np.float32)
    spend_UW[:, passed_W] = spend(*question)
    return Snapshot(
        past.cutoff,
        np.concatenate([feature for feature, _ in parts]),
        np.concatenate([ever for _, ever in parts]),
        count_UTW,
        passed_W,
        np.concatenate([feature.mean(axis=1, dtype=np.float32) for feature, _ in parts]),
        money_rates(past),
        first_share(*question).astype(np.float16),
        spend_UW,
    )
