"""Releases: what was fitted in a workspace, kept under a name, one of them promoted to serve.

A release is a copy that later fits don't touch, and is never changed. Which one is promoted stands
in one small file, with those promoted before it, so that a step back is a step back.
"""

import json
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penchant import columns as c
from penchant.errors import ArtefactError, PenchantError, UnknownError, suggest
from penchant.interest.artifact import MANIFEST, load_model, read_artefact
from penchant.interest.topics import Topics
from penchant.models import TYPES as MODEL_TYPES
from penchant.pipeline import Named, last_backtest
from penchant.recommend import TYPES
from penchant.recommend.recommender import FittedRecommender
from penchant.workspace import Workspace

ABOUT, POINTER = "release.json", "promoted.json"
MODEL, RECOMMENDER = "model", "recommender"
MOST_KEPT = 50  # names of what was promoted before
CARD_METRICS = ("average_precision", "adoption_average_precision", "log_loss", "ece")


@dataclass(frozen=True)
class Release:
    """A folder with a model, a recommender, or both."""

    path: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name

    @property
    def about(self) -> dict[str, Any]:
        """When it was made, and of what."""
        try:
            about: dict[str, Any] = json.loads((self.path / ABOUT).read_bytes())
        except (OSError, ValueError) as error:
            raise ArtefactError(
                f"The release '{self.name}' is damaged: {self.path / ABOUT} can't be read. "
                "Promote another, or make one anew."
            ) from error
        return about

    def load(self) -> "Loaded":
        """Read it, checking every hash; ArtefactError where a part is damaged."""
        model = recommender = None
        vocabularies: list[Topics] = []
        if (self.path / MODEL).is_dir():
            model, topics = load_model(self.path / MODEL, MODEL_TYPES, {Named.__name__: Named})
            vocabularies.append(topics)
        if (self.path / RECOMMENDER).is_dir():
            recommender, topics = load_model(self.path / RECOMMENDER, MODEL_TYPES, TYPES)
            vocabularies.append(topics)
        if not vocabularies:
            raise ArtefactError(f"The release '{self.name}' holds neither model nor recommender.")
        return Loaded(self, model, recommender, vocabularies[-1])


@dataclass(frozen=True)
class Loaded:
    """A release in memory."""

    release: Release
    model: Named | None
    recommender: FittedRecommender | None
    topics: Topics


def releases(workspace: Workspace) -> list[Release]:
    """Every release, the oldest first."""
    folder = workspace.release_folder
    found = folder.iterdir() if folder.is_dir() else ()
    return [Release(path) for path in sorted(found) if (path / ABOUT).is_file()]


def release_named(workspace: Workspace, name: str) -> Release:
    """A release by its name; UnknownError where there is none."""
    known = {release.name: release for release in releases(workspace)}
    if name not in known:
        hint = suggest(name, known) if known else "Make one: penchant model promote."
        raise UnknownError(f"There is no release '{name}'. {hint}")
    return known[name]


def promoted(workspace: Workspace) -> str | None:
    """Name of the release that is promoted, if one is."""
    names = promoted_names(workspace)
    return names[-1] if names else None


def make_release(workspace: Workspace, now: datetime | None = None) -> Release:
    """Copy what was fitted last into a release of its own.

    Raises ArtefactError where nothing was fitted, or model and recommender know other topics.
    """
    parts = {MODEL: workspace.model_folder, RECOMMENDER: workspace.recommender_folder}
    fitted = {name: path for name, path in parts.items() if (path / MANIFEST).is_file()}
    if not fitted:
        raise ArtefactError(
            f"Nothing is fitted in {workspace.folder}. Run `penchant fit`, `penchant recommend`."
        )
    _same_topics(fitted)
    number = max((_number(release.name) for release in releases(workspace)), default=0) + 1
    target = workspace.release_folder / f"r{number:04d}"
    partial = workspace.release_folder / f".partial-{uuid.uuid4().hex}"
    for name, path in fitted.items():
        shutil.copytree(path, partial / name)
    made = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    _write(partial / ABOUT, {"made": made, **_told(partial, fitted)})
    partial.rename(target)
    return Release(target)


def promote(workspace: Workspace, name: str) -> Release:
    """Serve a release from now on; raises ArtefactError, and changes nothing, if it is damaged."""
    release = release_named(workspace, name)
    release.load()
    names = [*promoted_names(workspace), name]
    _point(workspace, names)
    return release


def rollback(workspace: Workspace) -> Release:
    """Serve what was promoted before, and forget what is promoted now."""
    names = promoted_names(workspace)[:-1]
    if not names:
        raise UnknownError("Nothing was promoted before, so there is nothing to go back to.")
    release = release_named(workspace, names[-1])
    release.load()
    _point(workspace, names)
    return release


def best_release(workspace: Workspace) -> tuple[Loaded | None, str | None]:
    """The promoted release, or the last one before it that can be read; and what is wrong.

    Where nothing was ever promoted, what was fitted last becomes the first release.
    """
    note = None
    try:
        names = promoted_names(workspace)
        if not names:
            names = [promote(workspace, make_release(workspace).name).name]
    except PenchantError as error:
        return None, str(error)
    for name in reversed(names):
        try:
            return release_named(workspace, name).load(), note
        except PenchantError as error:
            note = note or str(error)
    return None, note


def card(workspace: Workspace, release: Release) -> dict[str, Any]:
    """What a release is, from what data, how it did in the last backtest, and its files' hashes."""
    about, parts = release.about, {}
    for part in (MODEL, RECOMMENDER):
        folder = release.path / part
        if folder.is_dir():
            content = json.loads(read_artefact(folder, ("model.json",))["model.json"])
            held = json.loads((folder / MANIFEST).read_bytes())
            size = sum(path.stat().st_size for path in folder.iterdir())
            parts[part] = {
                "bytes": size,
                "settings": _settings(content["model"]),
                "sha256": held["sha256"],
            }
    return {
        "name": release.name,
        "promoted": release.name == promoted(workspace),
        **about,
        "parts": parts,
        "backtest": _backtest(workspace, about.get("recipe")),
        "uses": "Ranking and forecasting what customers of this shop want. Not for decisions about "
        "people beyond what they are shown.",
    }


def _backtest(workspace: Workspace, recipe: str | None) -> list[dict[str, Any]]:
    """What the last backtest says of a recipe."""
    result = last_backtest(workspace)
    if result is None or recipe is None:
        return []
    rows = []
    for metric in CARD_METRICS:
        found = result.leaderboard(metric).to_pylist()
        rows += [{c.METRIC: metric, **row} for row in found if row[c.MODEL] == recipe]
    return rows


def _settings(tree: Any) -> Any:
    """Numbers and texts of an artefact's tree, without its arrays."""
    match tree:
        case {"type": name, "fields": parts}:
            named = {key: _settings(part) for key, part in parts.items()}
            return {"type": name} | {key: part for key, part in named.items() if part is not None}
        case {"tuple": parts}:
            return [part for part in map(_settings, parts) if part is not None] or None
        case {"value": value}:
            return value
        case bool() | int() | float() | str():
            return tree
    return None


def _same_topics(fitted: dict[str, Path]) -> None:
    hashes = {
        name: json.loads((path / MANIFEST).read_bytes())["sha256"]["topics.parquet"]
        for name, path in fitted.items()
    }
    if len(set(hashes.values())) > 1:
        raise ArtefactError(
            "The model and the recommender were fitted to different topics. Run `penchant fit` and "
            "`penchant recommend --refit` on the same store."
        )


def _told(folder: Path, fitted: dict[str, Path]) -> dict[str, Any]:
    """Of what a release is made."""
    recipe = None
    if MODEL in fitted:
        tree = json.loads((folder / MODEL / "model.json").read_bytes())["model"]
        recipe = tree["fields"]["name"]
    return {"recipe": recipe, "recommender": RECOMMENDER in fitted}


def _number(name: str) -> int:
    return int(name[1:]) if name[1:].isdigit() else 0


def promoted_names(workspace: Workspace) -> list[str]:
    """Names that were promoted, the latest last."""
    path = workspace.release_folder / POINTER
    if not path.is_file():
        return []
    try:
        names: list[str] = json.loads(path.read_bytes())["promoted"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(
            f"{path} is damaged ({error}). Remove it, and promote a release again."
        ) from error
    return names


def _point(workspace: Workspace, names: Sequence[str]) -> None:
    _write(workspace.release_folder / POINTER, {"promoted": list(names)[-MOST_KEPT:]})


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON so that a reader finds the old or the new, whatever happens."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
