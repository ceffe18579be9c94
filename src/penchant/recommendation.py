"""Recommendations of a workspace: a recommender fitted once, lists for whoever is asked for.

Shapes: U users, I items.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.data.events import IMPRESSION
from penchant.data.store import Store
from penchant.interest.artifact import load_model, save_model
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.models import TYPES as MODEL_TYPES
from penchant.pipeline import recipe_named, workspace_history
from penchant.recommend import TYPES
from penchant.recommend.assortment import assortment_of
from penchant.recommend.recommendations import RECOMMENDATION_SCHEMA, Recommendations
from penchant.recommend.recommender import FittedRecommender, Recommender
from penchant.recommend.sight import moment
from penchant.workspace import Workspace

BLOCK = 2000  # users at a time


@dataclass(frozen=True)
class Counter:
    """The shop as it now stands, and the recommender that was fitted to it."""

    workspace: Workspace
    history: History
    past: Interactions
    shown: Interactions | None  # impressions, where rules ask for them
    fitted: FittedRecommender

    def lists(self, row_U: npt.NDArray[np.int64]) -> Recommendations:
        """Lists of the customers at some rows of the history."""
        asked, users_U = self.workspace.settings.recommend, self.history.interest.users_U[row_U]
        return self.fitted.recommend(
            self.past.of(users_U),
            self.history.only(row_U),
            asked.slots,
            asked.rules,
            None if self.shown is None else self.shown.of(users_U),
        )

    def write(self) -> int:
        """Write everyone's lists to the workspace's Parquet file; returns its rows."""
        path, users, rows = (
            self.workspace.recommendation_path,
            len(self.history.interest.users_U),
            0,
        )
        partial = path.with_suffix(".partial")
        with pq.ParquetWriter(partial, RECOMMENDATION_SCHEMA, compression="zstd") as writer:
            for at in range(0, users, BLOCK):
                table = self.lists(np.arange(at, min(at + BLOCK, users))).to_table()
                writer.write_table(table)
                rows += len(table)
        partial.replace(path)
        return rows


def fit_recommender(workspace: Workspace) -> FittedRecommender:
    """Fit a recommender to everything in the store and save it in the workspace."""
    asked, store = workspace.settings.recommend, workspace.store()
    history = workspace_history(workspace)
    interest = recipe_named(workspace, asked.interest) if asked.interest else None
    recipe = Recommender(interest=interest, steps=asked.steps, segment=asked.segment)
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
    Raises ArtefactError where no recommender was fitted.
    """
    fitted, topics = load_model(workspace.recommender_folder, MODEL_TYPES, TYPES)
    assert isinstance(fitted, FittedRecommender)
    items_I, kinds = fitted.goods.items_I, workspace.settings.forecast.target
    with tempfile.TemporaryDirectory(dir=workspace.folder) as folder:
        store = workspace.store()
        if events:
            store = _beside(workspace, events, Path(folder) / "store")
        history = workspace_history(workspace, topics, store)
        past = _interactions(store, kinds).among(items_I)
        shown = None
        if workspace.settings.recommend.rules.most_shown:
            shown = _interactions(store, (IMPRESSION,)).among(items_I)
    return Counter(workspace, history, past, shown, fitted)


def _interactions(store: Store, kinds: Sequence[str]) -> Interactions:
    return build_interactions(store.events(), kinds)


def _beside(workspace: Workspace, events: Sequence[str], folder: Path) -> Store:
    """The store with more events; its files, which never change, are shared."""
    shutil.copytree(workspace.store().path, folder, copy_function=os.link)
    store, asked = Store.open(folder), workspace.settings
    mapping, sources = asked.mapping.events, asked.sources
    for path in events:
        store.append(path, mapping, timezone=asked.timezone, format=sources.format)
    return store
