"""The study behind a tuning: what optuna proposes, and an SQLite file that remembers what came.

Proposals are those of a tree-structured Parzen estimator over all hyperparameters at once (Bergstra
et al., "Algorithms for hyper-parameter optimization", 2011; Akiba et al., "Optuna", 2019). Each is
drawn from a seed of its own, so that a tuning that was stopped and resumed proposes what it would
have proposed without the stop. A trial that was cut off is tried again. SQLite keeps a file whole
when it is cut off in the middle of writing, which optuna's journal file does not. One process may
use a file at a time.
Shapes: C cutoffs, D draws.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penchant import columns as c
from penchant.errors import ArtefactError, RecipeError
from penchant.extras import needed
from penchant.interest.counts import Doubles
from penchant.interest.space import Between, Space

if TYPE_CHECKING:
    import optuna

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
ASKED, KEPT = "asked", "kept"  # attributes of the study, and of a trial
NAME = "tuning"


@dataclass(frozen=True)
class Attempt:
    """Values tried, and the score at each cutoff that was reached, as a mean over windows."""

    number: int  # 0 is the recipe as it came
    parameters: Mapping[str, Any]
    state: str
    scores: tuple[float, ...]  # at the cutoffs, in their order
    seconds: float
    error: str = ""  # why it failed
    draws_CD: Doubles = field(  # the scores under each draw of users
        default_factory=lambda: np.empty((0, 0)), repr=False, compare=False
    )

    @property
    def score(self) -> float:
        """Mean over the cutoffs that were reached; NaN if none was."""
        return float(np.mean(self.scores)) if self.scores else float("nan")

    def row(self) -> dict[str, Any]:
        """What a table shows of it."""
        return {
            "trial": self.number,
            "state": self.state,
            "score": self.score if self.state == COMPLETE else None,
            "scores": list(self.scores),
            "seconds": self.seconds,
            "parameters": dict(self.parameters),
            c.ERROR: self.error,
        }


@dataclass(frozen=True)
class Study:
    """Trials in an optuna study, read as attempts at the values of a space."""

    held: "optuna.Study"
    space: Space
    seed: int

    def attempts(self) -> list[Attempt]:
        """Everything tried so far, in order; trials that were cut off don't count."""
        found: list[Attempt] = []
        for trial in self.held.get_trials(deepcopy=False):
            if trial.state.is_finished() and KEPT in trial.user_attrs:
                values = self._values(len(found), trial.params)
                attempt = _attempt(len(found), values, trial.user_attrs[KEPT])
                if (trial.state.name == "FAIL") == (attempt.state == FAILED):
                    found.append(attempt)
        return found

    def propose(
        self, number: int, first: Mapping[str, Any]
    ) -> "tuple[optuna.Trial, dict[str, Any]]":
        """The trial of a number, and its values; those of number 0 are given."""
        import optuna

        if number == 0:
            self.held.enqueue_trial(self._coded(first))
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        self.held.sampler = optuna.samplers.TPESampler(multivariate=True, seed=seed)
        trial = self.held.ask(_distributions(self.space))
        return trial, self._values(number, trial.params)

    def keep(self, trial: "optuna.Trial", attempt: Attempt) -> None:
        """Write what came of a trial."""
        import optuna

        states = optuna.trial.TrialState
        for place, score in enumerate(attempt.scores):
            trial.report(score, place)
        kept = {
            "state": attempt.state,
            "scores": attempt.scores,
            "seconds": attempt.seconds,
            c.ERROR: attempt.error,
            c.DRAWS: attempt.draws_CD.astype(np.float32).tolist(),
        }
        trial.set_user_attr(KEPT, json.dumps(kept))
        if attempt.state == COMPLETE:
            self.held.tell(trial, attempt.score)
        else:
            state = states.PRUNED if attempt.state == PRUNED else states.FAIL
            self.held.tell(trial, state=state)

    def _coded(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as optuna has them: choices by their place."""
        return {
            name: values[name] if isinstance(part, Between) else part.choices.index(values[name])
            for name, part in self.space.items()
        }

    def _values(self, number: int, params: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a trial; what is proposed is rounded, what was given, at number 0, isn't."""
        values = {
            name: params[name] if isinstance(part, Between) else part.choices[params[name]]
            for name, part in self.space.items()
        }
        if number == 0:
            return values
        return {
            name: part.rounded(values[name]) if isinstance(part, Between) else values[name]
            for name, part in self.space.items()
        }


def _attempt(number: int, values: dict[str, Any], text: str) -> Attempt:
    kept = json.loads(text)
    draws_CD = np.array(kept[c.DRAWS], dtype=np.float64)
    scores = tuple(kept["scores"])
    return Attempt(number, values, kept["state"], scores, kept["seconds"], kept[c.ERROR], draws_CD)


def _distributions(space: Space) -> "dict[str, optuna.distributions.BaseDistribution]":
    from optuna.distributions import (
        BaseDistribution,
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    found: dict[str, BaseDistribution] = {}
    for name, part in space.items():
        if not isinstance(part, Between):
            found[name] = CategoricalDistribution(tuple(range(len(part.choices))))
        elif part.whole:
            found[name] = IntDistribution(int(part.low), int(part.high), log=part.log)
        else:
            found[name] = FloatDistribution(part.low, part.high, log=part.log)
    return found


@contextmanager
def open_study(
    storage: Path | None, space: Space, asked: Mapping[str, str], *, higher: bool, seed: int
) -> Iterator[Study]:
    """A study in an SQLite file, begun or resumed, or in memory without one.

    `asked` is what the scores depend on, by name. Raises RecipeError where optuna isn't installed
    or the file holds the study of something else, and ArtefactError for a file that can't be read.
    """
    optuna = needed("optuna", "tune")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = None if storage is None else _backend(storage)
    try:
        held = optuna.create_study(
            storage=backend,
            study_name=NAME,
            load_if_exists=True,
            direction="maximize" if higher else "minimize",
            pruner=optuna.pruners.NopPruner(),
        )
        _check_same(held, asked, storage)
        for trial in held.get_trials(deepcopy=False):
            if trial.state.name == "RUNNING":  # cut off
                held.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        yield Study(held, space, seed)
    finally:
        optuna.logging.set_verbosity(verbosity)
        if backend is not None:
            backend.remove_session()
            backend.engine.dispose()


def _backend(storage: Path) -> "optuna.storages.RDBStorage":
    import optuna

    storage.parent.mkdir(parents=True, exist_ok=True)
    try:
        return optuna.storages.RDBStorage(f"sqlite:///{storage}")
    except Exception as error:  # whatever the database layer says of a file that isn't its own
        raise ArtefactError(
            f"{storage} can't be read as a tuning ({type(error).__name__}). Delete it to start "
            "again, or name another file."
        ) from error


def _check_same(held: "optuna.Study", asked: Mapping[str, str], storage: Path | None) -> None:
    """Refuse a study of something else; scores of two questions can't be mixed."""
    begun = held.user_attrs.get(ASKED)
    if begun is None:
        held.set_user_attr(ASKED, dict(asked))
    elif begun != asked:
        other = " and ".join(name for name in asked if begun.get(name) != asked[name])
        raise RecipeError(
            f"{storage} holds a tuning that differs in its {other}, so that its trials don't "
            "compare with new ones. Start afresh with `penchant tune --fresh`, or name another "
            "file."
        )
