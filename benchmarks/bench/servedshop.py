"""A generated shop to serve: customers with habits, items in categories, and a fitted workspace.

Shapes: U users, I items, T topics, N events.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant import pipeline, recommendation
from penchant.data.events import EVENT_SCHEMA, PURCHASE
from penchant.workspace import Workspace

FIRST = datetime(2024, 1, 1)
DAYS = 210
TOPICS = 40
FAVOURITES = 12  # items that a customer comes back to
REPEATS = 0.6  # share of purchases that are of these
SETTINGS = """\
name = "bench"

[forecast]
windows = ["1-4", "5-8"]
model = "gamma_poisson"

[recommend]
slots = 20
"""


def generated(users: int, items: int, each: int, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Events and a catalog: `each` purchases a customer, on average."""
    rng = np.random.default_rng(seed)
    weight_I = 1 / np.arange(5, items + 5) ** 0.8
    weight_I /= weight_I.sum()
    count_U = rng.poisson(each, users).clip(min=1)
    user_N = np.repeat(np.arange(users), count_U)
    liked_UF = rng.choice(items, size=(users, FAVOURITES), p=weight_I)
    again_N = rng.random(len(user_N)) < REPEATS
    item_N = np.where(
        again_N,
        liked_UF[user_N, rng.integers(0, FAVOURITES, len(user_N))],
        rng.choice(items, size=len(user_N), p=weight_I),
    )
    second_N = rng.integers(0, DAYS * 86_400, len(user_N))
    start = np.datetime64(FIRST, "us")
    columns = {
        c.USER: pa.array([f"u{user:07d}" for user in user_N.tolist()]),
        c.ITEM: pa.array([f"i{item:06d}" for item in item_N.tolist()]),
        c.TIME: pa.array(start + second_N.astype("timedelta64[s]").astype("timedelta64[us]")),
        c.KIND: pa.array([PURCHASE] * len(user_N)),
        c.VALUE: pa.array(np.round(rng.gamma(2.0, 4.0, len(user_N)), 2)),
        c.QUANTITY: pa.nulls(len(user_N), pa.float64()),
        c.ORDER: pa.nulls(len(user_N), pa.string()),
        c.QUERY: pa.nulls(len(user_N), pa.string()),
        c.DWELL: pa.nulls(len(user_N), pa.float64()),
        c.EVENT: pa.array([f"e{number:09d}" for number in range(len(user_N))]),
    }
    catalog = pa.table(
        {
            c.ITEM: [f"i{item:06d}" for item in range(items)],
            c.PATH: [[f"topic {item % TOPICS:02d}"] for item in range(items)],
            c.TITLE: [f"Item {item}" for item in range(items)],
        }
    )
    return pa.table(columns, schema=EVENT_SCHEMA), catalog


def made_shop(folder: Path, users: int, items: int, each: int = 20) -> Workspace:
    """A workspace of a generated shop, with a model and a recommender fitted."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "penchant.toml").write_text(SETTINGS, encoding="utf-8")
    workspace = Workspace.open(folder / "penchant.toml")
    events, catalog = generated(users, items, each)
    store = workspace.store(create=True)
    store.append(events, now=FIRST + timedelta(days=DAYS))
    store.replace_catalog(catalog)
    history = pipeline.workspace_history(workspace)
    pipeline.fit(workspace, workspace.settings.forecast.model, history)
    recommendation.fit_recommender(workspace)
    return workspace
