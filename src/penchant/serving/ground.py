"""The ground: what the store held when it was laid, mapped from disk, and everyone's list.

Answers are pure functions of the ground and of a customer's fresh events, so what is answered now
is what a ground of all events would answer, but for the shop's totals.
Shapes: B users asked, U users, N events.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from penchant import columns as c
from penchant.data.events import IMPRESSION
from penchant.data.store import Store
from penchant.errors import HistoryError
from penchant.interest.fresh import Event, Known, fresh_history, fresh_past
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.interest import Names
from penchant.interest.model import Model
from penchant.pipeline import workspace_history
from penchant.recommend.recommendations import Recommendations
from penchant.recommend.recommender import FittedRecommender
from penchant.recommend.rules import Rules
from penchant.releases import Loaded
from penchant.serving.lists import Lists, write_lists
from penchant.workspace import Workspace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Tell = Callable[[str], None]
Fresh = Mapping[str, Sequence[Event]]  # by customer
Kept = TypeVar("Kept", bound="DataclassInstance")
BLOCK = 500  # users listed at a time


@dataclass(frozen=True)
class Ground:
    """What was known when it was laid, and the release that reads it."""

    workspace: Workspace
    loaded: Loaded | None  # none: nothing can be read, and lists are plain
    history: History  # what came after the last whole step counts in it
    past: Interactions
    shown: Interactions | None  # impressions, where rules ask for them
    known: Known
    aliases: Mapping[str, str]  # ids that a customer also goes by
    moves: Mapping[str, Sequence[Mapping[str, Any]]]  # that `penchant migrate` found, by customer
    digest: str  # of all that its lists depend on

    @property
    def model(self) -> Model | None:
        """What forecasts topics."""
        if self.loaded is not None and self.loaded.model is not None:
            return self.loaded.model.model
        return None if self.recommender is None else self.recommender.sight.interest

    @property
    def recommender(self) -> FittedRecommender | None:
        """What lists items; none: lists are plain."""
        return None if self.loaded is None else self.loaded.recommender

    @property
    def release(self) -> str | None:
        """Name of the release."""
        return None if self.loaded is None else self.loaded.release.name

    def customer(self, user: str) -> str:
        """The one id of a customer."""
        return self.aliases.get(user, user)

    def knows(self, user: str) -> bool:
        """Whether a customer has any event."""
        return any(_holds(held.users_U, user) for held in (self.past, self.history.interest))

    def histories(self, fresh: Fresh) -> History:
        """Histories of some customers with their fresh events."""
        users_B, user_N, events = told(fresh)
        return fresh_history(self.history.of(users_B), user_N, events, self.known)

    def lists(self, fresh: Fresh, slots: int, rules: Rules) -> Recommendations:
        """Lists of some customers, by all that is known of them now; tens of milliseconds."""
        assert self.recommender is not None
        users_B, user_N, events = told(fresh)
        history = fresh_history(self.history.of(users_B), user_N, events, self.known)
        past = fresh_past(self.past.of(users_B), user_N, events)
        shown = self.shown
        if shown is not None:
            shown = fresh_past(shown.of(users_B), user_N, events)
        return self.recommender.recommend(past, history, slots, rules, shown)

    def usual(self, fresh: Fresh) -> Recommendations:
        """Lists as the settings ask for them."""
        asked = self.workspace.settings.recommend
        return self.lists(fresh, asked.slots, asked.rules)


def told(fresh: Fresh) -> tuple[Names, Any, list[Event]]:
    """Customers in order, and their events with the customer's row."""
    users = sorted(fresh)
    rows = [row for row, user in enumerate(users) for _ in fresh[user]]
    events = [event for user in users for event in fresh[user]]
    return np.array(users, dtype=np.str_), np.array(rows, dtype=np.int32), events


def _holds(users_U: Names, user: str) -> bool:
    place = int(np.searchsorted(users_U, user))
    return place < len(users_U) and bool(users_U[place] == user)


def lay_ground(workspace: Workspace, loaded: Loaded | None, tell: Tell) -> Ground:
    """Build the ground of what the store holds now, and map it from disk.

    Costs what `penchant recommend` does before it makes lists.
    """
    store, folder = workspace.store(), workspace.folder / "serving" / "ground"
    tell("reading the store")
    topics = None if loaded is None else loaded.topics
    history = workspace_history(workspace, topics, store, folded=True)
    history = replace(history, interest=mapped(history.interest, folder / "interest"))
    kinds = workspace.settings.forecast.target
    past = _interactions(store, kinds, loaded)
    shown: Interactions | None = None
    if workspace.settings.recommend.rules.most_shown:
        with suppress(HistoryError):  # nothing is logged of impressions
            shown = mapped(_interactions(store, (IMPRESSION,), loaded), folder / "shown")
    return Ground(
        workspace,
        loaded,
        history,
        mapped(past, folder / "past"),
        shown,
        Known.of(history.topics),
        _aliases(store),
        _moves(workspace),
        _digest(workspace, store, loaded),
    )


def lay_lists(ground: Ground, tell: Tell) -> Lists:
    """Everyone's list, made now unless the last ones were of the same store and release."""
    folder = ground.workspace.folder / "serving" / "lists"
    users_U = ground.past.users_U

    def blocks() -> Any:
        for at in range(0, len(users_U), BLOCK):
            tell(f"listing, {at:,} of {len(users_U):,} customers")
            yield ground.usual(dict.fromkeys(users_U[at : at + BLOCK].tolist(), ()))

    return write_lists(folder, ground.digest, users_U, blocks())


def mapped(value: Kept, folder: Path) -> Kept:
    """The same, with its arrays written to a folder and mapped from there."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for field in fields(value):
        part = getattr(value, field.name)
        if isinstance(part, np.ndarray):
            path, partial = folder / f"{field.name}.npy", folder / f"{field.name}.partial.npy"
            np.save(partial, part, allow_pickle=False)
            partial.replace(path)  # a ground that is in use keeps the old file
            found[field.name] = np.load(path, mmap_mode="r", allow_pickle=False)
    return replace(value, **found)


def _interactions(store: Store, kinds: Sequence[str], loaded: Loaded | None) -> Interactions:
    past = build_interactions(store.events(), kinds, keyed=True)
    if loaded is None or loaded.recommender is None:
        return past
    return past.among(loaded.recommender.goods.items_I)


def _aliases(store: Store) -> dict[str, str]:
    resolved = store.identities().resolved
    pairs = zip(resolved[c.ALIAS].to_pylist(), resolved[c.USER].to_pylist(), strict=True)
    return dict(pairs)


def _moves(workspace: Workspace) -> dict[str, list[dict[str, Any]]]:
    path = workspace.folder / "migrations.parquet"
    moves: dict[str, list[dict[str, Any]]] = {}
    if path.is_file():
        for row in pq.read_table(path).to_pylist():
            moves.setdefault(row[c.USER], []).append(row)
    return moves


def _digest(workspace: Workspace, store: Store, loaded: Loaded | None) -> str:
    files = [file.sha256 for file in store.manifest.files]
    asked = repr(workspace.settings.recommend)
    release = None if loaded is None else [loaded.release.name, loaded.release.about]
    content = json.dumps([files, release, asked])
    return hashlib.sha256(content.encode()).hexdigest()
