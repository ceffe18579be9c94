"""The example's shop as a newcomer has it after the first commands."""

import shutil
from pathlib import Path

from commands import told

EXAMPLE = Path(__file__).parents[1] / "examples" / "own_shop"
FILES = ("orders.csv", "products.csv", "penchant.toml")


def copied(folder):
    """Copy the example's files to a folder, which is returned."""
    for name in FILES:
        shutil.copy(EXAMPLE / name, folder)
    return folder


def ingested(folder):
    """The same, read into a store."""
    told("ingest", "-c", copied(folder) / "penchant.toml")
    return folder


def fitted(folder):
    """The same, with a model and a recommender."""
    config = ingested(folder) / "penchant.toml"
    told("fit", "--model", "gamma_poisson", "-c", config)
    told("recommend", "-c", config)
    return folder
