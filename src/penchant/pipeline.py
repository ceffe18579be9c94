"""The only wiring: from settings to a store, a history, models, forecasts and backtests.

Everything lives in one folder beside the settings file; each function reads what the earlier
ones left there, and says what to run first when it is missing.
Shapes: U users.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.data.mapping import CatalogMapping
from penchant.data.mapping import Mapping as EventMapping
from penchant.data.reading import Source
from penchant.data.step import Step
from penchant.data.store import Store
from penchant.errors import DataError, HistoryError, RecipeError, SettingsError, suggest
from penchant.evaluation.backtest import Progress, backtest, possible_cutoffs
from penchant.evaluation.result import Backtest
from penchant.interest.artifact import load_model, save_model
from penchant.interest.forecast import Forecast, write_forecasts
from penchant.interest.history import History, build_history
from penchant.interest.interest import Names
from penchant.interest.model import Model, Recipe, predict_blocks
from penchant.interest.topics import Topics, choose_topics
from penchant.models import RECIPES, TYPES, USUAL
from penchant.settings import FILE, TopicSettings, read_recipe
from penchant.workspace import Workspace

SHOWN = 3  # customers, where none is named


def store_history(
    store: Store,
    *,
    step: Step,
    choice: TopicSettings,
    topics: Topics | None = None,
    folded: bool = False,
) -> History:
    """Build the history of a store, up to its last complete step.

    Without `topics`, for instance those a model was fitted to, they are chosen. `folded` counts
    what came after that step as if just before its end.
    """
    try:
        return _store_history(store, step, topics or store_topics(store, choice), folded)
    except duckdb.Error as error:
        raise DataError(
            f"The store '{store.path}' can't be read: {str(error).splitlines()[0]} "
            "`penchant check` says which files are damaged."
        ) from error


def store_topics(store: Store, choice: TopicSettings, before: date | None = None) -> Topics:
    """Choose the topics of a store, by all its events or by those before a day."""
    if store.span is None:
        raise DataError("The store holds no events. Run `penchant ingest` with some.")
    events = store.events()
    if before is not None:
        events = events.filter(events[c.TIME] < datetime.combine(before, time()))
    catalog = store.catalog() if store.counts["catalog"] else None
    return choose_topics(events, catalog, level=choice.level, floor=choice.floor, most=choice.most)


def _store_history(store: Store, step: Step, topics: Topics, folded: bool) -> History:
    span, counts = store.span, store.counts
    assert span is not None
    history = build_history(
        store.events(),
        topics,
        step=step,
        promotions=store.promotions().to_pyarrow() if counts["promotions"] else None,
        holidays=store.holidays().to_pyarrow() if counts["holidays"] else None,
        people=store.people().to_pyarrow() if counts["people"] else None,
    )
    last = span[1].date()
    ends_early = step.index_of(last) == step.index_of(last + timedelta(days=1))
    known = step.index_of(last) - history.interest.origin + (0 if ends_early else 1)
    if 1 <= known < history.cutoff:
        return history.folded(known) if folded else history.until(known)
    return history


def workspace_history(
    workspace: Workspace,
    topics: Topics | None = None,
    store: Store | None = None,
    *,
    folded: bool = False,
) -> History:
    """Build the history of a workspace's store, or of another with the same settings."""
    asked, store = workspace.settings, store or workspace.store()
    history = store_history(
        store, step=asked.forecast.step, choice=asked.topics, topics=topics, folded=folded
    )
    kinds, target = history.interest.kinds_K, asked.forecast.target
    if not set(target) & set(kinds):
        raise HistoryError(
            f"No event is of the kind forecast, {', '.join(target)}. {suggest(target[0], kinds)} "
            f"Set the target under [forecast] in {FILE}."
        )
    return history


def read_history(
    events: Source,
    catalog: Source | None = None,
    *,
    mapping: EventMapping | None = None,
    catalog_mapping: CatalogMapping | None = None,
    timezone: str = "UTC",
    step: Step = Step.WEEK,
    topics: TopicSettings | None = None,
) -> History:
    """Read events (a path, data frame, Arrow or Ibis table) straight into a history.

    Rows that can't be used are left out with a warning that says how many and why; a `Store`
    keeps them instead.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "store")
        receipt = store.append(events, mapping, timezone=timezone)
        if receipt.quarantined:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in receipt.reasons.items())
            message = f"{receipt.quarantined:,} of {receipt.sent:,} rows are left out: {reasons}."
            warnings.warn(message, stacklevel=2)
        if catalog is not None:
            store.replace_catalog(catalog, catalog_mapping)
        return store_history(store, step=step, choice=topics or TopicSettings())


def recipe_named(workspace: Workspace, name: str) -> Recipe:
    """The recipe of a name, with the hyperparameters that the settings give it."""
    given = workspace.settings.recipes
    for known in (name, *given):
        if known not in tuple(RECIPES):  # which imports none of them
            where, kind = ("", RecipeError) if known == name else (f" in {FILE}", SettingsError)
            raise kind(f"There is no recipe '{known}'{where}. {suggest(known, RECIPES)}")
    return read_recipe(RECIPES[name], given.get(name, {}), name)


@dataclass(frozen=True)
class Named:
    """A model beside the name of its recipe."""

    name: str
    model: Model

    def predict(self, history: History) -> Forecast:
        """Forecast every user of a history."""
        return self.model.predict(history)


def fit(workspace: Workspace, name: str, history: History) -> Named:
    """Fit a recipe to a history and save it in the workspace."""
    model = Named(name, recipe_named(workspace, name).fit(history, workspace.task))
    save_model(model, history.topics, workspace.model_folder)
    return model


def saved_model(workspace: Workspace) -> tuple[Named, Topics]:
    """The model that `fit` saved, and its topics."""
    model, topics = load_model(workspace.model_folder, TYPES, {Named.__name__: Named})
    assert isinstance(model, Named)
    return model, topics


def standing_forecast(workspace: Workspace) -> tuple[History, Forecast, Named]:
    """The history as it now stands, the saved model's forecast from its end, and that model.

    What is decided by a forecast reads this one, so that its numbers agree.
    """
    model, topics = saved_model(workspace)
    history = workspace_history(workspace, topics)
    return history, check_asked(workspace, model.predict(history)), model


def forecast(workspace: Workspace, model: Model, history: History) -> int:
    """Forecast a history block by block into the workspace's Parquet file; returns its rows."""
    blocks = (check_asked(workspace, block) for block in predict_blocks(model, history))
    return write_forecasts(blocks, workspace.forecast_path)


def check_asked(workspace: Workspace, made: Forecast) -> Forecast:
    """Refuse a forecast that isn't what the settings ask for now."""
    asked, found = workspace.task, [window.name for window in made.windows_W]
    if made.windows_W != asked.windows or made.step != asked.step:
        wanted = ", ".join(window.name for window in asked.windows)
        raise DataError(
            f"The model was fitted for the {made.step} windows {', '.join(found)}; {FILE} now asks "
            f"for the {asked.step} windows {wanted}. Run `penchant fit`."
        )
    return made


def run_backtest(
    workspace: Workspace,
    history: History,
    names: Sequence[str],
    *,
    cutoffs: int | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Backtest recipes at rolling cutoffs and keep the tables in the workspace.

    The topics are chosen again, by what was known at the first cutoff.
    """
    asked = workspace.settings.backtest
    tried = names or asked.models or USUAL
    recipes = {name: recipe_named(workspace, name) for name in tried}
    chosen = possible_cutoffs(history, workspace.task, cutoffs or asked.cutoffs)
    first = history.interest.step.start(history.interest.origin + chosen[0])
    topics = store_topics(workspace.store(), workspace.settings.topics, first)
    known_then = workspace_history(workspace, topics)
    # With other topics the history may begin elsewhere; the dates stay.
    shift = history.interest.origin - known_then.interest.origin
    result = backtest(
        known_then,
        recipes,
        workspace.task,
        [cutoff + shift for cutoff in chosen],
        dataset=workspace.settings.name,
        draws=asked.draws,
        progress=progress,
    )
    result.write(workspace.backtest_folder)
    return result


def last_backtest(workspace: Workspace) -> Backtest | None:
    """The tables of the last backtest, if there was one."""
    if not workspace.backtest_folder.is_dir():
        return None
    return Backtest.read(workspace.backtest_folder)


def headline_numbers(
    result: Backtest, metrics: Sequence[str]
) -> Mapping[str, list[dict[str, Any]]]:
    """Leaderboards of some metrics, as plain rows."""
    return {metric: result.leaderboard(metric).to_pylist() for metric in metrics}


def best_model(result: Backtest) -> str:
    """The model with the best mean log loss over windows; the simpler wins a tie."""
    rows = result.leaderboard("log_loss").to_pylist()
    names = list(dict.fromkeys(row[c.MODEL] for row in rows))
    means = {
        name: sum(row[c.VALUE] for row in rows if row[c.MODEL] == name)
        / sum(row[c.MODEL] == name for row in rows)
        for name in names
    }
    return min(sorted(means, key=list(RECIPES).index), key=lambda name: round(means[name], 4))


def customers_rows(history: History, users: Sequence[str]) -> npt.NDArray[np.int64]:
    """Rows of some customers in a history, or of the first few."""
    if not users:
        return np.arange(min(SHOWN, len(history.interest.users_U)))
    return known_rows(history.interest.users_U, users)


def known_rows(users_U: Names, users: Sequence[str]) -> npt.NDArray[np.int64]:
    """Rows of some customers among those known, each once; DataError for one who isn't."""
    known = {user: row for row, user in enumerate(users_U.tolist())}
    strange = [user for user in users if user not in known]
    if strange:
        raise DataError(f"There is no customer '{strange[0]}'. {suggest(strange[0], known)}")
    return np.array([known[user] for user in dict.fromkeys(users)])
