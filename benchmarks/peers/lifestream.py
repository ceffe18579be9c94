"""CoLES embeddings by pytorch-lifestream, in an environment of their own.

    python lifestream.py train FOLDER    reads train.parquet, writes weights.pt
    python lifestream.py embed FOLDER    reads embed.parquet and weights.pt, writes embedding.npy

Rows of both tables are user (a code), step, topic (a code) and count, sorted by user and step.
Source: Babaev et al., "CoLES: Contrastive learning for event sequences with self-supervision"
(2022).
"""

import json
import os
import sys
import warnings
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytorch_lightning as pl
import torch
from ptls.data_load.datasets import MemoryMapDataset
from ptls.data_load.utils import collate_feature_dict
from ptls.frames import PtlsDataModule
from ptls.frames.coles import ColesDataset, CoLESModule
from ptls.frames.coles.split_strategy import SampleSlices
from ptls.nn import RnnSeqEncoder, TrxEncoder

HIDDEN, TOPIC_WIDTH = 64, 16
SLICES, SHORTEST, LONGEST = 4, 10, 120  # parts of a customer's sequence that are told apart
BATCH, RATE = 64, 2e-3


def sequences(path: Path, users: int) -> list[dict[str, torch.Tensor]]:
    """Each customer's events, in order; one event of no topic for who has none."""
    rows = pq.read_table(path).to_pydict()
    names = ("user", "step", "topic", "count")
    user_N, step_N, topic_N, count_N = (np.array(rows[name]) for name in names)
    start_U = np.searchsorted(user_N, np.arange(users + 1))
    found = []
    for first, last in pairwise(start_U):
        mine = slice(first, last)
        some = last > first
        step = step_N[mine] if some else np.zeros(1)
        found.append(
            {
                "event_time": torch.tensor(step, dtype=torch.float32),
                "gap": torch.tensor(np.diff(step, prepend=step[0]), dtype=torch.float32),
                "topic": torch.tensor(topic_N[mine] + 1 if some else [0], dtype=torch.long),
                "count": torch.tensor(
                    np.log1p(count_N[mine]) if some else [0.0], dtype=torch.float32
                ),
            }
        )
    return found


def module(topics: int) -> CoLESModule:
    """The encoder with CoLES's loss."""
    trx = TrxEncoder(
        embeddings={"topic": {"in": topics + 1, "out": TOPIC_WIDTH}},
        numeric_values={"count": "identity", "gap": "identity"},
        embeddings_noise=0.003,
    )
    return CoLESModule(
        seq_encoder=RnnSeqEncoder(trx_encoder=trx, hidden_size=HIDDEN, type="gru"),
        optimizer_partial=partial(torch.optim.Adam, lr=RATE),
        lr_scheduler_partial=partial(torch.optim.lr_scheduler.StepLR, step_size=5, gamma=0.7),
    )


def train(folder: Path, told: dict[str, int]) -> None:
    """Learn the encoder."""
    seen = [
        part
        for part in sequences(folder / "train.parquet", told["users"])
        if len(part["topic"]) >= 2 * SHORTEST
    ]
    splitter = SampleSlices(split_count=SLICES, cnt_min=SHORTEST, cnt_max=LONGEST)
    dataset = ColesDataset(MemoryMapDataset(seen), splitter=splitter)
    model = module(told["topics"])
    trainer = pl.Trainer(
        max_epochs=told["epochs"],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = PtlsDataModule(
        train_data=dataset, train_batch_size=min(BATCH, len(seen)), train_num_workers=0
    )
    trainer.fit(model, loader)
    torch.save(model.state_dict(), folder / "weights.pt")


@torch.no_grad()
def embed(folder: Path, told: dict[str, int]) -> None:
    """Embed every customer."""
    model = module(told["topics"])
    model.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    model.eval()
    seen = sequences(folder / "embed.parquet", told["users"])
    parts = [
        model(collate_feature_dict(seen[first : first + BATCH])).numpy()
        for first in range(0, len(seen), BATCH)
    ]
    np.save(folder / "embedding.npy", np.concatenate(parts).astype(np.float32))


def main() -> None:
    """Do as asked."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    pl.seed_everything(0, verbose=False)
    what, folder = sys.argv[1], Path(sys.argv[2])
    told = json.loads((folder / "told.json").read_text())
    {"train": train, "embed": embed}[what](folder, told)


if __name__ == "__main__":
    main()
