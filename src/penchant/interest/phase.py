"""Life phase of an interest: emerging, growing, steady, declining, dormant, returning, or unclear.

Of each *cell*, a user and a topic with any engagement, in its own terms. A *touch* is a step with
an engagement in the topic, a *visit* a step with one in any: the user's activity is the exposure,
so somebody who comes less often isn't said to like everything less. Steps are counted, not events,
so a large basket is one touch. *Lately* is the last quarter of a year, or of a shorter history.
The first that holds:

* dormant: silent for a month at least, and longer than its own cadence explains: through too many
  visits; or, where it is regular (`interest.repurchase`), through too many steps; or since the user
  has been away from the shop for longer than the last gaps between visits explain.
* emerging: first touched lately, and not growing.
* declining: touched on fewer of the visits in the last two quarters than of those before.
* returning: touched lately after such a silence, its own or the user's.
* growing: touched on more of the visits in the last two quarters than of those before; also what
  was touched in them only, but often, by a user who had come without it before.
* steady: touched often enough to have a cadence.
* unclear: all others, which are too few touches to tell.

Each call is tested against a cell that goes on as it began: from the first touch on, any of its
visits are as likely to be the touched ones as any others, so counts are hypergeometric (a binomial
test given the total, without replacement). Such a cell is called dormant, returning, or one of
growing and declining in at most 5 % of cases each. Seasons are not taken out of a user's cells.
For a topic of the whole shop, whose every step may be touched, growing and declining compare its
share of all events lately with that before, and with that of the same steps a year ago.
Shapes: U users, T topics, S steps, N touches, C cells, P phases.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, gammaln
from scipy.stats import hypergeom

from penchant.data.step import Step
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.history import History
from penchant.interest.interest import Codes, Floats, Names
from penchant.interest.repurchase import (
    ENOUGH_GAPS,
    REGULAR,
    Touches,
    regularity,
    touches,
)

PHASES = ("emerging", "growing", "steady", "declining", "dormant", "returning")
EMERGING, GROWING, STEADY, DECLINING, DORMANT, RETURNING = range(len(PHASES))
UNCLEAR = -1
PHASE_NAMES = (*PHASES, "unclear")  # the last one's place is UNCLEAR
ERROR = 0.05  # chance of each false call
MEMORY = 5  # of a user's gaps between visits: who came often once may now come seldom
NORMAL_BOUND = 1.96  # of the same chance
LEAST_CHANGE = 1.1  # of a topic's share: a large shop is sure of smaller ones, and nobody minds

Phase = npt.NDArray[np.int8]  # place in PHASES, or UNCLEAR


def phase_names(code: Phase) -> Names:
    """Names of phases; `unclear` where there is too little to tell."""
    return np.array(PHASE_NAMES)[code]


@dataclass(frozen=True)
class Phases:
    """Phase of each cell; cells sorted by user and topic."""

    user_C: Codes  # rows of the history's users
    topic_C: Codes
    code_C: Phase

    def count_TP(self, topics: int) -> Integers:
        """Users of each topic in each phase, and in the last column the unclear ones."""
        columns = len(PHASE_NAMES)
        flat_C = self.topic_C.astype(np.int64) * columns + self.code_C % columns
        return np.bincount(flat_C, minlength=topics * columns).reshape(topics, columns)


@dataclass(frozen=True)
class TopicPhases:
    """Phase of each topic of the whole shop, and how its share of all events changed."""

    topics_T: Names
    code_T: Phase
    change_T: Floats  # share lately / share before; NaN where there is no before


@dataclass(frozen=True)
class _Spans:
    """Steps that make a time lately, a silence worth the name, and a year."""

    recent: int
    month: int
    year: int


def _spans(step: Step, steps: int) -> _Spans:
    return _Spans(min(step.per_year // 4, steps // 4), step.per_year // 12, step.per_year)


def phases(history: History, kinds: Sequence[str]) -> Phases:
    """Tell the phase of each cell of a history.

    Costs a few passes over the entries; memory goes with the entries, and with users × steps.
    """
    touched = touches(history.interest, kinds)
    spans = _spans(history.interest.step, touched.steps)
    visit_US = np.zeros((history.interest.shape[0], touched.steps + 1), dtype=np.int32)
    visit_US[touched.user_C[touched.cell_N], touched.step_N + 1] = 1
    visits = _visits(visit_US)
    calendar_US = np.broadcast_to(np.arange(touched.steps + 1, dtype=np.int32), visit_US.shape)
    away_U, back_U = np.ones((2, len(visit_US)))
    away_U[visits.user_C], back_U[visits.user_C] = _silences(visits, calendar_US, spans, MEMORY)
    seen_US = visit_US.cumsum(axis=1, dtype=np.int32)
    now_C, ended_C = _silences(touched, seen_US, spans)
    now_C = np.minimum(now_C, _overdue(touched, spans.month))
    lately_C = touched.last_C >= touched.steps - spans.recent
    code_C = _first_that_holds(
        touched,
        spans.recent,
        np.minimum(now_C, away_U[touched.user_C]) < ERROR / 2,
        (ended_C < ERROR / 2) | (back_U[touched.user_C] < ERROR / 2) & lately_C,
        _direction(touched, seen_US, 2 * spans.recent),
    )
    return Phases(touched.user_C, touched.topic_C, code_C)


def topic_phases(history: History, kinds: Sequence[str]) -> TopicPhases:
    """Tell the phase of each topic of the whole shop; one nobody touched is unclear.

    The exposure is the shop's activity, so a topic grows when its share of all events does.
    """
    count_TS = history.topic_count_TS(kinds).astype(np.float64)
    topic_N, step_N = np.nonzero(count_TS > 0)
    topic_C, start_C = np.unique(topic_N, return_index=True)
    touched = Touches(
        user_C=np.zeros(len(topic_C), dtype=np.int32),
        topic_C=topic_C.astype(np.int32),
        start_C=np.append(start_C, len(topic_N)),
        step_N=step_N.astype(np.int32),
        steps=history.cutoff,
    )
    spans = _spans(history.interest.step, touched.steps)
    open_S = np.concatenate([[False], count_TS.any(axis=0)])
    seen_US = open_S.cumsum(dtype=np.int32)[None, :]
    all_S = count_TS.sum(axis=0)
    change_T = np.full(len(count_TS), np.nan, dtype=np.float32)
    direction_C = np.zeros(len(topic_C), dtype=np.int8)
    for place, (topic, first) in enumerate(zip(topic_C, touched.first_C, strict=True)):
        change_T[topic], direction_C[place] = _share_change(
            count_TS[topic], all_S, int(first), spans
        )
    now_C, ended_C = _silences(touched, seen_US, spans)
    code_T = np.full(len(count_TS), UNCLEAR, dtype=np.int8)
    code_T[topic_C] = _first_that_holds(
        touched, spans.recent, now_C < ERROR, ended_C < ERROR, direction_C
    )
    return TopicPhases(history.interest.topics_T, code_T, change_T)


def _visits(visit_US: Codes) -> Touches:
    """Each user's visits, as touches of the shop; users without any are left out."""
    user_N, column_N = np.nonzero(visit_US)
    user_C, start_C = np.unique(user_N, return_index=True)
    return Touches(
        user_C=user_C.astype(np.int32),
        topic_C=np.zeros(len(user_C), dtype=np.int32),
        start_C=np.append(start_C, len(user_N)),
        step_N=(column_N - 1).astype(np.int32),
        steps=visit_US.shape[1] - 1,
    )


def _first_that_holds(
    touched: Touches, recent: int, silent_C: Flags, resumed_C: Flags, direction_C: Phase
) -> Phase:
    newly_C = touched.first_C >= touched.steps - recent
    told = [
        (silent_C, DORMANT),
        (newly_C & (direction_C <= 0), EMERGING),
        (direction_C < 0, DECLINING),
        (resumed_C & ~newly_C, RETURNING),
        (direction_C > 0, GROWING),
        (touched.times_C > ENOUGH_GAPS, STEADY),
    ]
    conditions, codes = zip(*told, strict=True)
    return np.select(conditions, codes, UNCLEAR).astype(np.int8)


def _since(seen_US: Codes, user_C: Codes, step_C: Codes) -> Integers:
    """Visits after a step; -1 counts all."""
    return (seen_US[user_C, -1] - seen_US[user_C, step_C + 1]).astype(np.int64)


def _silences(
    touched: Touches, seen_US: Codes, spans: _Spans, memory: int | None = None
) -> tuple[Doubles, Doubles]:
    """Chance of each cell's silence up to now, and of the least likely one that ended lately.

    Given the touches before it, and visits as likely to be touched as before, the next touch after
    so long: k gaps that sum to a number of visits are as likely as any others of that sum. Silences
    below a month have the chance 1; of those that ended lately each may be the least likely. With a
    `memory`, the last so many touches count.
    """
    cell_N, last_N = touched.cell_N, np.zeros(len(touched.step_N), dtype=bool)
    last_N[touched.start_C[1:] - 1] = True
    next_N = np.where(last_N, touched.steps, np.append(touched.step_N[1:], touched.steps))
    ends_N = ~last_N & (next_N >= touched.steps - spans.recent)
    long = np.flatnonzero((next_N - touched.step_N > spans.month) & (last_N | ends_N))
    base = touched.start_C[cell_N[long]]
    if memory is not None:
        base = np.maximum(base, long - memory)
    user = touched.user_C[cell_N[long]]
    at = seen_US[user, touched.step_N[long] + 1]
    span = (at - seen_US[user, touched.step_N[base] + 1]).astype(np.int64)
    silent = seen_US[user, next_N[long]] - at
    chance = np.exp(_log_choose(span, long - base) - _log_choose(span + silent, long - base))
    now_C, ended_C = np.ones((2, len(touched.user_C)))
    now_C[cell_N[long][last_N[long]]] = chance[last_N[long]]
    np.minimum.at(ended_C, cell_N[long][ends_N[long]], chance[ends_N[long]])
    tries_C = np.bincount(cell_N[ends_N], minlength=len(ended_C))
    return now_C, np.minimum(ended_C * np.maximum(tries_C, 1), 1.0)


def _overdue(touched: Touches, month: int) -> Doubles:
    """Chance of a regular cell's silence up to now; 1 for others, and within a month.

    For even gaps, those of a gamma renewal of this shape, what is still open of the span is beta
    distributed.
    """
    again_C, regular_C = touched.times_C - 1, regularity(touched)
    open_C = touched.steps - 1 - touched.last_C
    cell = np.flatnonzero((again_C >= ENOUGH_GAPS) & (regular_C >= REGULAR) & (open_C >= month))
    shape = 1 / (1 - regular_C[cell])
    part = open_C[cell] / (touched.steps - 1 - touched.first_C[cell])
    chance_C = np.ones(len(again_C))
    chance_C[cell] = betainc(shape * again_C[cell], shape, 1 - part)
    return chance_C


def _log_choose(size_C: Integers, chosen_C: Integers) -> Doubles:
    return gammaln(size_C + 1) - gammaln(chosen_C + 1) - gammaln(size_C - chosen_C + 1)


def _direction(touched: Touches, seen_US: Codes, recent: int) -> Phase:
    """1 where touches are too many lately for the visits, -1 where too few, else 0.

    The first touch makes the cell and isn't counted, except where it was lately: then all of the
    user's visits could have been touches.
    """
    border = touched.steps - recent
    newly_C = touched.first_C >= border
    after_C = np.where(newly_C, -1, touched.first_C)
    visits_C = _since(seen_US, touched.user_C, after_C)
    late_C = _since(seen_US, touched.user_C, np.maximum(after_C, border - 1))
    times_C = touched.times_C - ~newly_C
    cell_N = touched.cell_N[touched.step_N >= border]
    found_C = np.bincount(cell_N, minlength=len(newly_C))
    split_C = np.flatnonzero((late_C > 0) & (late_C < visits_C) & (times_C > 1))
    drawn = (visits_C[split_C], times_C[split_C], late_C[split_C])
    direction_C = np.zeros(len(newly_C), dtype=np.int8)
    direction_C[split_C] += hypergeom.sf(found_C[split_C] - 1, *drawn) < ERROR / 2
    direction_C[split_C] -= hypergeom.cdf(found_C[split_C], *drawn) < ERROR / 2
    return direction_C


def _share_change(count_S: Doubles, all_S: Doubles, first: int, spans: _Spans) -> tuple[float, int]:
    """Ratio of a topic's share lately to that before, and whether it is surely up or down."""
    steps, recent, year = len(count_S), spans.recent, spans.year
    lately, before = slice(steps - recent, steps), slice(first, steps - recent)
    if recent < 2 or steps - recent - first < recent:
        return float("nan"), 0
    change, direction = _compared(count_S, all_S, lately, before)
    if first <= steps - recent - year:
        a_year_ago = slice(steps - recent - year, steps - year)
        _, confirmed = _compared(count_S, all_S, lately, a_year_ago)
        direction = direction if direction == confirmed else 0
    return change, direction


def _compared(count_S: Doubles, all_S: Doubles, late: slice, early: slice) -> tuple[float, int]:
    """Quasi-Poisson test of two spans of steps, each with the dispersion from step to step."""
    log_rate, variance = [], []
    for span in (late, early):
        total = count_S[span].sum() + 0.5
        mean_S = np.maximum(total * all_S[span] / max(all_S[span].sum(), 1.0), 1e-9)
        rough = np.diff((count_S[span] - mean_S) / np.sqrt(mean_S))
        variance.append(max(1.0, (rough**2).mean() / 2) / total)
        log_rate.append(np.log(total / max(all_S[span].sum(), 1.0)))
    change = log_rate[0] - log_rate[1]
    sure = abs(change) > max(NORMAL_BOUND * np.sqrt(sum(variance)), np.log(LEAST_CHANGE))
    return float(np.exp(change)), int(np.sign(change)) if sure else 0
