"""Recommendations of a workspace: a recommender fitted once, lists for whoever is asked for.

Shapes: U users, I items.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.data.events import IMPRESSION
from penchant.data.quarantine import Receipt, total
from penchant.data.store import Store
from penchant.errors import ArtefactError, HistoryError
from penchant.interest.artifact import load_model, save_model
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.interest import Names
from penchant.interest.topics import Topics
from penchant.models import TYPES as MODEL_TYPES
from penchant.pipeline import recipe_named, workspace_history
from penchant.recommend import TYPES
from penchant.recommend.assortment import assortment_of
from penchant.recommend.recommendations import RECOMMENDATION_SCHEMA, Recommendations
from penchant.recommend.recommender import FittedRecommender, Recommender, sources_named
from penchant.recommend.sight import moment
from penchant.settings import FILE
from penchant.workspace import Workspace

BLOCK = 2000  # users at a time


@dataclass(frozen=True)
class Counter:
    """The shop as it now stands, and the recommender that was fitted to it."""

    workspace: Workspace
    users_U: Names  # whoever has an event, sorted
    told_U: Names  # those of them whom more events tell of
    left_out: Mapping[str, int]  # rows of those events that can't be used, by reason
    history: History
    past: Interactions
    shown: Interactions | None  # impressions, where rules ask for them
    fitted: FittedRecommender

    def lists(self, users_U: Names) -> Recommendations:
        """Lists of some customers, also of those who only have events in a step not complete."""
        asked = self.workspace.settings.recommend
        return self.fitted.recommend(
            self.past.of(users_U),
            self.history.of(users_U),
            asked.slots,
            asked.rules,
            None if self.shown is None else self.shown.of(users_U),
        )

    def write(self) -> int:
        """Write everyone's lists to the workspace's Parquet file; returns its rows."""
        path, rows = self.workspace.recommendation_path, 0
        partial = path.with_suffix(".partial")
        with pq.ParquetWriter(partial, RECOMMENDATION_SCHEMA, compression="zstd") as writer:
            for at in range(0, len(self.users_U), BLOCK):
                table = self.lists(self.users_U[at : at + BLOCK]).to_table()
                writer.write_table(table)
                rows += len(table)
        partial.replace(path)
        return rows


def recommender_of(workspace: Workspace) -> Recommender:
    """The recommender that the settings ask for."""
    asked = workspace.settings.recommend
    return Recommender(
        sources=sources_named(asked.sources, asked.encoder),
        interest=recipe_named(workspace, asked.interest) if asked.interest else None,
        steps=asked.steps,
        segment=asked.segment,
    )


def fit_recommender(workspace: Workspace) -> FittedRecommender:
    """Fit a recommender to everything in the store and save it in the workspace."""
    store, recipe = workspace.store(), recommender_of(workspace)
    history = workspace_history(workspace)
    past = _interactions(store, workspace.settings.forecast.target)
    past = past.where(past.time_N < moment(history, history.cutoff))
    catalog = None
    if store.counts["catalog"]:
        catalog = store.catalog().to_pyarrow()
        sold = np.array(catalog[c.ITEM].to_pylist(), dtype=np.str_)
        past = past.among(np.union1d(past.items_I, sold))
    fitted = recipe.fit(past, assortment_of(past, history.topics, catalog), history)
    save_model(fitted, history.topics, workspace.recommender_folder)
    return fitted


def open_counter(workspace: Workspace, events: Sequence[str] = ()) -> Counter:
    """The saved recommender beside the shop as it now stands.

    Files of more `events`, such as a new customer's, are read as `ingest` would, and not kept.
    Raises ArtefactError where no recommender was fitted, or by other settings.
    """
    fitted, topics = _saved(workspace)
    items_I, kinds = fitted.goods.items_I, workspace.settings.forecast.target
    with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
        store, receipts = workspace.store(), list[Receipt]()
        events_U = _events_of(store)
        before = set(events_U.items())
        if events:
            store, receipts = _beside(workspace, events, Path(folder) / "store")
            events_U = _events_of(store)
        history = workspace_history(workspace, topics, store, folded=True)
        past = _interactions(store, kinds).among(items_I)
        shown = None
        if workspace.settings.recommend.rules.most_shown:
            shown = _impressions(store, items_I)
    return Counter(
        workspace=workspace,
        users_U=np.array(list(events_U), dtype=np.str_),
        told_U=np.array(sorted(dict(events_U.items() - before)), dtype=np.str_),
        left_out=total(receipts).reasons,
        history=history,
        past=past,
        shown=shown,
        fitted=fitted,
    )


def _saved(workspace: Workspace) -> tuple[FittedRecommender, Topics]:
    folder = workspace.recommender_folder
    if not (folder / "manifest.json").is_file():
        raise ArtefactError(f"No recommender was fitted in {folder}. Run `penchant recommend`.")
    try:
        fitted, topics = load_model(folder, MODEL_TYPES, TYPES)
    except ArtefactError as error:
        raise ArtefactError(f"{error} `penchant recommend --refit` does.") from error
    assert isinstance(fitted, FittedRecommender)
    asked, task = workspace.settings.forecast, fitted.task
    same = task.step == asked.step and set(task.target) <= set(asked.target)
    if not same or fitted.recipe != recommender_of(workspace):
        raise ArtefactError(
            f"The recommender in {folder} was fitted by other settings than {FILE} has now. "
            "Run `penchant recommend --refit`."
        )
    return fitted, topics


def _events_of(store: Store) -> dict[str, int]:
    """How many events each customer has; customers are sorted."""
    events = store.events()
    counted = events.group_by(c.USER).agg(**{c.ROWS: events.count()}).order_by(c.USER).to_pyarrow()
    return dict(zip(*(counted[name].to_pylist() for name in (c.USER, c.ROWS)), strict=True))


def _impressions(store: Store, items_I: Names) -> Interactions | None:
    """What customers were shown; None where nothing is logged of that."""
    try:
        return _interactions(store, (IMPRESSION,)).among(items_I)
    except HistoryError:
        return None


def _interactions(store: Store, kinds: Sequence[str]) -> Interactions:
    return build_interactions(store.events(), kinds)


def _beside(
    workspace: Workspace, events: Sequence[str], folder: Path
) -> tuple[Store, list[Receipt]]:
    """The store with more events; its files, which never change, are shared."""
    shutil.copytree(workspace.store().path, folder, copy_function=os.link)
    store, asked = Store.open(folder), workspace.settings
    mapping, sources = asked.mapping.events, asked.sources
    return store, [
        store.append(path, mapping, timezone=asked.timezone, format=sources.format)
        for path in events
    ]
