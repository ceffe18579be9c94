"""The error tree: what was wrong, what was found, what to do next.

Everything penchant refuses is a `PenchantError`, so one `except` serves a caller. Broken promises
of our own code are `assert`s instead.
"""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_SHOWN = 30  # names in a message


class PenchantError(ValueError):
    """Anything penchant refuses, with the way out in its message."""


class SettingsError(PenchantError):
    """A `penchant.toml` that can't be used."""


class DataError(PenchantError):
    """A source, table or store that can't be read as asked."""


class LockedError(DataError):
    """A folder that another process is writing to; it is free again when that one is done."""


class HistoryError(PenchantError):
    """A cutoff, window or history that doesn't fit the question."""


class TopicsError(PenchantError):
    """Topics that a model or a forecast doesn't know."""


class ArtefactError(PenchantError):
    """A saved model or forecast that is damaged or of another version."""


class RecipeError(PenchantError):
    """A recipe or hyperparameter that doesn't exist or is out of range."""


class UnknownError(PenchantError):
    """An item, topic, release or key that doesn't exist."""


class ConflictError(PenchantError):
    """What can't be done as things stand, such as a key used again for something else."""


class BatchError(PenchantError):
    """A batch of no events, or of more than are taken at once."""


class WaitError(PenchantError):
    """What can be asked again in `seconds`."""

    def __init__(self, message: str, seconds: float = 1) -> None:
        super().__init__(message)
        self.seconds = seconds


class BusyError(WaitError):
    """More is asked at once than there is room for."""


class UnreadyError(WaitError):
    """What is still being opened, or has nothing to answer from yet."""


class JournalError(UnreadyError):
    """A journal that takes no more until it is opened again."""


def suggest(unknown: str, known: Iterable[str]) -> str:
    """Say what `unknown` may have meant, for the end of an error message."""
    names = sorted(known)
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(unknown.casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    shown = ", ".join(names[:MOST_SHOWN])
    more = len(names) - MOST_SHOWN
    return f"Known: {shown} and {more:,} more." if more > 0 else f"Known: {shown}."
