"""pytorch-lifestream as a peer: CoLES embeddings of customers, and LightGBM on top.

The embeddings are learned and made by `peers/lifestream.py` in an environment of its own. LightGBM
reads them beside the topic, how popular it is, and the customer's own decayed counts in it.
Shapes: U users, T topics, W windows, D width, N cells, F features.
"""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.machine import ROOT
from penchant.errors import DataError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.model import make_forecast
from penchant.interest.outcome import outcome
from penchant.interest.task import Task

PEERS = ROOT / "benchmarks" / "peers"
PYTHON = PEERS / ".lifestream" / "bin" / "python"
HALF_LIVES = (2.0, 8.0, 32.0)  # steps
COLUMNS = ["user", "step", "topic", "count"]
SPACING, LOOKS = 4, 2  # steps between training cutoffs, and how many
CELLS = 250_000  # drawn at each
SETTINGS = {
    "learning_rate": 0.08,
    "num_leaves": 63,
    "max_bin": 63,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "seed": 0,
    "num_threads": 2,
    "verbose": -1,
}


@dataclass(frozen=True, kw_only=True)
class Lifestream:
    """Recipe. DataError without the peers' environment."""

    epochs: int = 10  # of CoLES
    rounds: int = 150  # trees

    def fit(self, history: History, task: Task) -> "FittedLifestream":
        """Learn the embedding from all that is known, and trees from windows that have passed."""
        if not PYTHON.exists():
            needed = "benchmarks/peers/requirements-lifestream.txt"
            raise DataError(f"pytorch-lifestream isn't installed; {needed} says how.")
        encoder = Encoder(TemporaryDirectory(), len(history.interest.topics_T))
        encoder.run("train", [history], epochs=self.epochs)
        trees, volumes = [], []
        cutoffs_W = [self._cutoffs(history.cutoff - window.end) for window in task.windows]
        every = sorted({cutoff for cutoffs in cutoffs_W for cutoff in cutoffs})
        pasts = {cutoff: history.until(cutoff, panel=True) for cutoff in every}
        embedded = dict(zip(every, encoder.embedded(list(pasts.values())), strict=True))
        for window, cutoffs in zip(task.windows, cutoffs_W, strict=True):
            asked = replace(task, windows=(window,))
            drawn = [sample(history, pasts[at], embedded[at], asked) for at in cutoffs]
            feature_NF, count_N = map(np.concatenate, zip(*drawn, strict=True))
            active_N = np.greater(count_N, 0).astype(np.float32)
            data = lgb.Dataset(
                feature_NF, active_N, categorical_feature=[0], params=SETTINGS, free_raw_data=False
            )
            trees.append(lgb.train({**SETTINGS, "objective": "binary"}, data, self.rounds))
            counted = {**SETTINGS, "objective": "poisson"}
            volumes.append(lgb.train(counted, data.set_label(count_N), self.rounds))
        return FittedLifestream(task, encoder, tuple(trees), tuple(volumes))

    def _cutoffs(self, latest: int) -> list[int]:
        """Earlier cutoffs, the latest first, with enough before them."""
        cutoffs = [latest - SPACING * look for look in range(LOOKS)]
        return [cutoff for cutoff in cutoffs if cutoff >= 2 * SPACING] or [max(1, latest)]


@dataclass(frozen=True)
class Encoder:
    """The peer's trained weights, in a folder that goes when this does."""

    folder: TemporaryDirectory
    topics: int

    def run(self, what: str, histories: list[History], epochs: int = 0) -> None:
        """Hand over the users of some histories, one history after the other; let the peer work."""
        folder, parts, users = Path(self.folder.name), [], 0
        for history in histories:
            interest = history.interest
            order_N = np.lexsort((interest.topic_N, interest.step_N, interest.user_N))
            count_N = interest.count_NK.sum(axis=1)
            columns = (interest.user_N + users, interest.step_N, interest.topic_N, count_N)
            parts.append(pa.table([column[order_N] for column in columns], names=COLUMNS))
            users += len(interest.users_U)
        pq.write_table(pa.concat_tables(parts), folder / f"{what}.parquet")
        told = {"users": users, "topics": self.topics, "epochs": epochs}
        (folder / "told.json").write_text(json.dumps(told))
        command = [PYTHON, PEERS / "lifestream.py", what, folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DataError(f"pytorch-lifestream failed: {done.stderr.strip()[-300:]}")

    def embedded(self, histories: list[History]) -> list[Floats]:
        """Embed the users of each history, `UD`."""
        self.run("embed", histories)
        embedding = np.load(Path(self.folder.name) / "embedding.npy")
        ends = np.cumsum([len(history.interest.users_U) for history in histories])
        return np.split(embedding, ends[:-1])


@dataclass(frozen=True)
class FittedLifestream:
    """Model."""

    task: Task
    encoder: Encoder
    trees_W: tuple[lgb.Booster, ...]
    volumes_W: tuple[lgb.Booster, ...]

    def predict(self, history: History) -> Forecast:
        """Embed the users anew and ask the trees."""
        users, topics, _ = history.interest.shape
        (embedding_UD,) = self.encoder.embedded([history])
        feature_NF = features(history, self.task, embedding_UD, np.arange(users * topics))
        chance_UTW, volume_UTW = (
            np.stack([np.asarray(one.predict(feature_NF)) for one in boosters], axis=1)
            .reshape(users, topics, -1)
            .astype(np.float32)
            for boosters in (self.trees_W, self.volumes_W)
        )
        return make_forecast(history, self.task, chance_UTW, volume_UTW)


def sample(
    history: History, past: History, embedding_UD: Floats, asked: Task
) -> tuple[Floats, Floats]:
    """Features of some cells at an earlier cutoff, and their counts in the one window."""
    count_UT = outcome(history, past.interest.users_U, past.cutoff, asked).count_UTW[:, :, 0]
    rng = np.random.default_rng(past.cutoff)
    cell_N = np.sort(rng.permutation(count_UT.size)[:CELLS])
    return features(past, asked, embedding_UD, cell_N), count_UT.ravel()[cell_N]


def features(history: History, task: Task, embedding_UD: Floats, cell_N: np.ndarray) -> Floats:
    """Topic, popularity, own decayed counts and the embedding, of some cells."""
    user_N, topic_N = np.divmod(cell_N, history.interest.shape[1])
    popular_T = np.log1p(history.topic_count_TS(task.target)[:, -12:].sum(axis=1))
    own = [
        np.log1p(history.interest.decayed_UT(task.target, life)).ravel()[cell_N]
        for life in HALF_LIVES
    ]
    columns = [topic_N, popular_T[topic_N], *own, *embedding_UD[user_N].T]
    return np.stack(columns, axis=1).astype(np.float32)
