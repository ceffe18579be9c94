"""A network whose weights serve any shop: topics are read by what they are called.

Steps are bags of the topics' text vectors, and topics' own vectors are projected from the same, so
no weight depends on which topics there are, or how many. What was learned at one shop can start at
another (`base`), and be tuned there (`tune`). Without a base the reader learns from the history
itself first. It helps a shop with few customers or a short past; where there is much to learn from,
it is one more network. Names that say nothing, such as codes, teach nothing.
Sources: Hou et al., "Towards universal sequence representation learning for recommender systems"
(2022); those of `reader`, `pretraining` and `finetuned`.
Shapes: T topics, E width of a text vector.
"""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from penchant.errors import RecipeError, suggest
from penchant.interest.history import History
from penchant.interest.task import Task
from penchant.models.finetuned import TUNES, Base, load_base, merge, start_from, tune
from penchant.models.forecaster import FittedNetwork, fit_network, untrained
from penchant.models.network import Head, Network, Shape, Tensors
from penchant.models.pretraining import pretrain
from penchant.models.reader import Reader, Reading, TopicVectors
from penchant.models.text import encode, topic_texts
from penchant.models.training import Training

logger = logging.getLogger(__name__)
TEXT, COLUMNS, HELD = "text_TE", "columns", "base."  # names in what a network is built on


@dataclass(frozen=True, kw_only=True)
class Pretrained:
    """Recipe. Costs two or three minutes for 2,500 users × 300 topics × 3 windows on two cores."""

    reading: Reading = field(default_factory=Reading)
    base: str = ""  # folder of a saved base; none: the history itself teaches to read
    tune: str = "full"  # what of a base is trained on: full, head, lora, or none
    rank: int = 8  # of the adapters of lora
    objectives: tuple[str, ...] = ("next",)  # of pre-training without a base; (): none
    pretraining: Training = field(
        default_factory=lambda: Training(passes=2, batch_users=64, learning_rate=2e-3)
    )
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.tune not in TUNES:
            raise RecipeError(f"There is no tuning '{self.tune}'. {suggest(self.tune, TUNES)}")

    def fit(self, history: History, task: Task) -> FittedNetwork:
        """Train on earlier cutoffs, from the base; merge what was adapted.

        With the tuning `none` nothing but the shocks is learned from outcomes, and features that
        the base doesn't know have no say; a warning names them.
        """
        passes = 0 if self.tune == "none" else self.training.passes
        model = fit_network(
            replace(self, training=replace(self.training, passes=passes)), history, task
        )
        if self.tune == "none":
            known = model.given[COLUMNS].tolist()
            if unknown := [name for name in model.shape.columns if name not in known]:
                logger.warning(
                    "The base in %s doesn't know %s, which have no say without any tuning. Tune "
                    "the head, or whole, to learn what they are worth.",
                    self.base,
                    ", ".join(unknown),
                )
        net = untrained(self, model.shape, model.given)
        net.load_state_dict(model.weights.state())
        merge(net)
        return replace(
            model, recipe=self, given=_vectors(model.given[TEXT]), weights=Tensors.of(net)
        )

    def given(self, history: History, task: Task) -> Tensors:
        """Text vectors of the topics, and the base to start from.

        Raises RecipeError where nothing is tuned and the base can't forecast by itself.
        """
        base = self.start(history, task)
        if self.tune == "none" and (base is None or not base.columns):
            raise RecipeError(
                "Without any tuning the head must come from elsewhere, and "
                f"{self.base or 'no base'} has none. Name the base of a fitted model (`base_of`), "
                "or tune."
            )
        text = _vectors(encode(topic_texts(history.topics), self.reading.text))
        if base is None:
            return text
        held = tuple(f"{HELD}{name}" for name in base.weights.names)
        return Tensors(
            (*text.names, COLUMNS, *held),
            (*text.arrays, np.array(base.columns, np.str_), *base.weights.arrays),
        )

    def start(self, history: History, task: Task) -> Base | None:
        """The base: the one saved, or what the history itself teaches; None with no objective.

        The history teaches up to the latest cutoff whose windows have all passed.
        Raises RecipeError where the saved base reads otherwise than this recipe.
        """
        if not self.base:
            if not self.objectives:
                return None
            # The latest cutoffs, which tell when to stop, would else look in-sample.
            past = history.until(history.cutoff - task.horizon, panel=True)
            learned = pretrain([past], task, self.reading, self.objectives, self.pretraining)
            return Base(self.reading, (), learned)
        base = load_base(Path(self.base))
        if base.reading != self.reading:
            raise RecipeError(
                f"The base in {self.base} has {base.reading}; the recipe has {self.reading}. "
                "Give the recipe the reading of its base."
            )
        return base

    def build(self, shape: Shape, given: Tensors) -> Network:
        """An untrained network, or one that starts from the base it is given."""
        width, text_TE = self.reading.width, torch.from_numpy(given[TEXT])
        net = Network(
            Head(shape, width, width, width, self.reading.dropout),
            Reader(self.reading, text_TE),
            TopicVectors(self.reading, text_TE),
        )
        if COLUMNS in given.names:
            held = [i for i, name in enumerate(given.names) if name.startswith(HELD)]
            names = tuple(given.names[i].removeprefix(HELD) for i in held)
            weights = Tensors(names, tuple(given.arrays[i] for i in held))
            base = Base(self.reading, tuple(given[COLUMNS].tolist()), weights)
            tune(net, self.tune, self.rank, start_from(net, base, shape.columns))
        return net


def _vectors(text_TE: np.ndarray) -> Tensors:
    return Tensors((TEXT,), (text_TE,))
