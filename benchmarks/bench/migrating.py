"""Forecast migration on Complete Journey: adoption, abandonment, and which topic gives way.

Every model, peer and calibration knows the same history. What is calibrated, and every bond, is
learned a horizon before the cutoff, from what has passed by the cutoff.
Shapes: U users, T topics, W windows, N pairs, D draws.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from bench.ceiling import AXES, knowing
from bench.peers import PEERS, calibrated, lately_UT
from bench.rows import MEAN, Row
from bench.shops import JOURNEY
from penchant.evaluation.bootstrap import draw_weights, interval
from penchant.evaluation.case import Case
from penchant.evaluation.ledger import ALL
from penchant.evaluation.metrics import METRICS
from penchant.evaluation.migration import abandonment_ece, adoption_ece, binned, skill_over
from penchant.evaluation.score import Ratio, Score
from penchant.interest.counts import least_volume
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import Recipe, make_forecast
from penchant.interest.outcome import Outcome, outcome
from penchant.interest.stationary import stationary_forecast
from penchant.interest.succession import Succession, fit_bond, sample_pairs, succession
from penchant.interest.task import Task

PAIRS = 40  # of a user, by which succession is judged
SEED = 1  # of those pairs; bonds are fitted to others
KINDS = ("adoption", "abandonment")


@dataclass(frozen=True)
class Look:
    """A cutoff: what was known, what came, and what each model says of it."""

    past: History
    truth: Outcome
    recent_UT: np.ndarray
    forecasts: Mapping[str, Forecast]
    null_UTW: Floats
    scores: Mapping[str, Floats]  # of peers
    seconds: Mapping[str, float]

    def plain(self) -> dict[str, Floats]:
        """Chances as forecast, by the models and by the null."""
        found = {name: forecast.chance_UTW for name, forecast in self.forecasts.items()}
        return found | {"stationary": self.null_UTW}


@dataclass
class Journey:
    """The shop, the recipes, and the looks taken so far; a fit serves as test and as lesson."""

    history: History
    recipes: Mapping[str, Recipe]
    task: Task
    tell: Callable[[str], None]
    looks: dict[int, Look] = field(default_factory=dict)

    def look(self, cutoff: int) -> Look:
        """Fit every recipe at a cutoff, once."""
        if cutoff not in self.looks:
            past = self.history.until(cutoff, panel=True)
            forecasts, scores, seconds = {}, {}, {}
            for name, recipe in self.recipes.items():
                start = time.perf_counter()
                forecasts[name] = recipe.fit(past, self.task).predict(past)
                seconds[name] = time.perf_counter() - start
                self.tell(f"cutoff {cutoff}: {name}, {seconds[name]:.0f} s")
            for name, peer in PEERS.items():
                start = time.perf_counter()
                scores[name] = peer(past, self.task)
                seconds[name] = time.perf_counter() - start
            truth = outcome(self.history, past.interest.users_U, cutoff, self.task)
            null_UTW = stationary_forecast(past, self.task).chance_UTW
            recent_UT = lately_UT(past, self.task) > 0
            self.looks[cutoff] = Look(past, truth, recent_UT, forecasts, null_UTW, scores, seconds)
        return self.looks[cutoff]

    def chances(self, cutoff: int) -> dict[str, Floats]:
        """Chances of every model and peer; models also as recalibrated by the earlier cutoff."""
        now, then = self.look(cutoff), self.look(cutoff - self.task.horizon)
        active_UTW = then.truth.count_UTW > 0
        found = now.plain()
        for name, score_UTW in (now.plain() | dict(now.scores)).items():
            earlier_UTW = (then.plain() | dict(then.scores))[name]
            found[name if name in PEERS else f"{name}_recalibrated"] = calibrated(
                earlier_UTW, active_UTW, then.recent_UT, score_UTW, now.recent_UT
            )
        return found


@dataclass
class Tally:
    """Rows of scores, with their intervals; and what their means over cutoffs need."""

    weight_DU: np.ndarray
    rows: list[Row] = field(default_factory=list)
    found: dict[tuple[str, str, str], list[tuple[float, np.ndarray]]] = field(default_factory=dict)

    def enter(self, at: tuple[int, str, str, str], score: Score) -> None:
        """Add a score at a cutoff, window, model and metric."""
        value, value_D = score.value(), score.values(self.weight_DU)
        self.rows.append(Row(JOURNEY, *at, value, *interval(value_D)))
        self.found.setdefault(at[1:], []).append((value, value_D))

    def means(self) -> Iterator[Row]:
        """Means over the cutoffs, where there are several; users are drawn alike at each."""
        for at, found in self.found.items():
            if len(found) > 1:
                values, draws = zip(*found, strict=True)
                mean_D = np.mean(draws, axis=0)
                yield Row(JOURNEY, MEAN, *at, float(np.mean(values)), *interval(mean_D))


def journey_rows(journey: Journey, cutoffs: Sequence[int], draws: int) -> list[Row]:
    """Every number of this half of the benchmark."""
    tally = Tally(draw_weights(len(journey.history.interest.users_U), draws))
    for cutoff in cutoffs:
        look, chances = journey.look(cutoff), journey.chances(cutoff)
        for model, chance_UTW in chances.items():
            for case in cases(look, journey.task, chance_UTW):
                at = (cutoff, case.span.name, model)
                for metric, score in case_scores(case, look.null_UTW).items():
                    tally.enter((*at, metric), score)
        for case in cases(look, journey.task, chances["boosted"]):
            for levels in AXES:
                at = (cutoff, case.span.name, f"boosted_knowing_{levels}")
                for metric, score in ceiling_scores(case, look.null_UTW, levels).items():
                    tally.enter((*at, metric), score)
        pair_scores(tally, journey, cutoff)
        tally.rows += [
            Row(JOURNEY, cutoff, ALL, name, "seconds", spent)
            for name, spent in look.seconds.items()
        ]
    return [*tally.rows, *tally.means()]


def cases(look: Look, task: Task, chance_UTW: Floats) -> list[Case]:
    """A case for each window."""
    forecast = make_forecast(look.past, task, chance_UTW, least_volume(chance_UTW))
    return [Case(look.past, task, forecast, look.truth, w) for w in range(len(task.windows))]


def case_scores(case: Case, null_UTW: Floats) -> dict[str, Score]:
    """Skill over both nulls, calibration and average precision among the cells in question."""
    found: dict[str, Score] = {
        "adoption_ece": adoption_ece(case),
        "abandonment_ece": abandonment_ece(case),
    }
    for kind, of_recent in zip(KINDS, (False, True), strict=True):
        null_UT = null_UTW[:, :, case.window]
        found[f"{kind}_stationary_skill"] = skill_over(case, null_UT, of_recent=of_recent)
        for name in (f"{kind}_brier_skill", f"{kind}_average_precision"):
            found[name] = METRICS[name].score(case)
    return found


def ceiling_scores(case: Case, null_UTW: Floats, levels: str) -> dict[str, Score]:
    """Skill over the stationary null with levels known after the fact."""
    found: dict[str, Score] = {}
    for kind, of_recent in zip(KINDS, (False, True), strict=True):
        chance_UT = knowing(case, levels, of_recent=of_recent)
        null_UT = null_UTW[:, :, case.window].astype(np.float64)
        among_UT = case.recent_UT == of_recent
        null_U = ((null_UT - case.active_UT) ** 2 * among_UT).sum(axis=1)
        mine_U = ((chance_UT - case.active_UT) ** 2 * among_UT).sum(axis=1)
        found[f"{kind}_stationary_skill"] = Ratio(null_U - mine_U, null_U)
    return found


@dataclass(frozen=True)
class Question:
    """What is asked of some pairs, in words and as a chance, and what came of each."""

    window: str
    what: str
    row_N: np.ndarray
    say: Callable[[Succession], np.ndarray]
    came_N: np.ndarray


def pair_scores(tally: Tally, journey: Journey, cutoff: int) -> None:
    """Whether giving way and coming first come true, with the bond learned earlier and without."""
    task, target = journey.task, journey.task.target
    then, now = journey.look(cutoff - task.horizon), journey.look(cutoff)
    users = len(now.recent_UT)
    asked = list(questions(journey, cutoff))
    for q in asked:
        came_U = np.bincount(q.row_N, q.came_N, users)
        score = Ratio(came_U, np.bincount(q.row_N, minlength=users).astype(np.float64))
        tally.enter((cutoff, q.window, "actual", f"{q.what}_frequency"), score)
    for name in journey.recipes:
        bond = fit_bond(succession(then.past, then.forecasts[name], target), then.truth)
        tally.rows.append(Row(JOURNEY, cutoff, ALL, name, "bond", bond))
        for model, strength in ((name, bond), (f"{name}_independent", 0.0)):
            says = succession(now.past, now.forecasts[name], target, strength)
            for q in asked:
                said_N, at = q.say(says), (cutoff, q.window, model)
                said_U, came_U = (np.bincount(q.row_N, n, users) for n in (said_N, q.came_N))
                tally.enter((*at, f"{q.what}_ece"), binned(q.row_N, said_N, q.came_N, users))
                tally.enter((*at, f"{q.what}_bias"), Ratio(said_U - came_U, came_U))


def questions(journey: Journey, cutoff: int) -> Iterator[Question]:
    """Whether A gives way to B in each window, and whether B is first, over sampled pairs."""
    now, task = journey.look(cutoff), journey.task
    row_N, a_N, b_N = sample_pairs(now.recent_UT, PAIRS, SEED)
    for w, window in enumerate(task.windows):
        came_UT = now.truth.count_UTW[:, :, w] > 0
        say = partial(Succession.give_way, row_N=row_N, a_N=a_N, b_N=b_N, window=window)
        gave_way_N = (~came_UT[row_N, a_N] & came_UT[row_N, b_N]).astype(np.float64)
        yield Question(window.name, "give_way", row_N, say, gave_way_N)
    step_UT, span = first_step_UT(journey, cutoff), f"1-{task.horizon}"
    a_step_N, b_step_N = step_UT[row_N, a_N], step_UT[row_N, b_N]
    either_N = np.minimum(a_step_N, b_step_N) < task.horizon
    b_first_N = (b_step_N < a_step_N) + 0.5 * (either_N & (a_step_N == b_step_N))
    yield Question(
        span, "b_first", row_N, lambda says: says.order(row_N, a_N, b_N).b_first_N, b_first_N
    )
    pairs = row_N[either_N], a_N[either_N], b_N[either_N]
    yield Question(
        span,
        "b_first_given_either",
        pairs[0],
        lambda says: says.order(*pairs).b_first_given_either_N,
        b_first_N[either_N],
    )


def first_step_UT(journey: Journey, cutoff: int) -> np.ndarray:
    """Steps from the cutoff to the first engagement within the horizon; the horizon if none."""
    interest, task = journey.history.interest, journey.task
    after_N = interest.step_N - cutoff
    counts_N = (after_N >= 0) & (after_N < task.horizon) & (interest.target_N(task.target) > 0)
    step_UT = np.full(interest.shape[:2], task.horizon)
    cell = (interest.user_N[counts_N], interest.topic_N[counts_N])
    np.minimum.at(step_UT, cell, after_N[counts_N])
    return step_UT
