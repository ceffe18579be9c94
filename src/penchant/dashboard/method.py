"""How the report was made: settings, model, what each metric means, and what to beware of."""

from collections.abc import Sequence

from penchant.dashboard import numbers
from penchant.dashboard.block import Notes, Section, Terms
from penchant.dashboard.movement import LIKELY, REGULAR
from penchant.dashboard.scores import Past
from penchant.interest.history import History
from penchant.interest.stationary import lookback
from penchant.interest.task import Task


def method(
    history: History, task: Task, model: str, past: Past, settings: Sequence[tuple[str, str]]
) -> Section:
    """The closing section."""
    windows = ", ".join(numbers.window(window.name) for window in task.windows)
    made = (
        ("Model", model),
        ("What counts", f"events of the kind {', '.join(task.target)}"),
        ("Step", task.step.value),
        ("Windows", f"{task.step.value}s {windows} after {numbers.day(history.cutoff_date)}"),
        ("Topics", f"{len(history.topics):,} nodes at level {history.topics.level} of the catalog"),
        *settings,
    )
    blocks = [
        Terms("Settings", made),
        Terms("Words", _words(history, task)),
    ]
    if past.metrics:
        blocks.append(Terms("Metrics", tuple((m.label, m.meaning) for m in past.metrics)))
    return Section(
        "method",
        "How this was made",
        "Enough to make it again, and to know what it can't tell.",
        (*blocks, Notes(_caveats(past))),
    )


def _words(history: History, task: Task) -> tuple[tuple[str, str], ...]:
    known = task.step.plural(min(lookback(task.step), history.cutoff))
    return (
        ("Topic", "a node of the catalog's tree: what an interest is in."),
        ("Window", f"a future span of {task.step.value}s, counted from the last one known."),
        ("Chance", "the probability that a customer has any event in a topic in a window."),
        ("Volume", "the expected number of such events; with the chance it gives every interval."),
        ("Interval", "what holds the outcome with the stated probability, if the model is right."),
        (
            "Adoption",
            f"an event in a topic that the customer did not touch in the last {known}; "
            f"likely from a chance of {LIKELY:.1f} on.",
        ),
        (
            "Regular interest",
            f"a customer–topic pair with events in at least {REGULAR} of the last {known}.",
        ),
        (
            "Adjusted for the total",
            "compared as shares, so that a busier or quieter shop moves no topic.",
        ),
    )


def _caveats(past: Past) -> tuple[str, ...]:
    texts = [
        "Changes are against the span just before now, so a topic in season can rise or fade for "
        "the season alone.",
        "Chances over several windows treat the windows as independent given the forecast.",
        "The forecast says what customers will do if the shop goes on as it did; it does not say "
        "what a promotion or a change in range would cause.",
    ]
    if past.models:
        texts.append(
            "Intervals in the leaderboard are 95 % intervals over customers at one cutoff, "
            "averaged over cutoffs; they do not cover the luck of which weeks were scored."
        )
    return tuple(texts)
