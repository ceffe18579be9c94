"""What to show to whom: a log of what was shown, policies judged by it, and the winner's choices.

Shapes: N logged decisions, U users, A options, F features of a context.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.decisions.contest import (
    CHOICE_SCHEMA,
    CONTESTANTS,
    Lesson,
    Verdict,
    contest,
    verdict_table,
)
from penchant.decisions.context import Context
from penchant.decisions.offpolicy import Codes, Feedback
from penchant.errors import DataError, SettingsError
from penchant.handed import numbers, read_cells
from penchant.interest.counts import Doubles
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.pipeline import standing_forecast
from penchant.sheet import days_ahead, write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

POLICIES, CHOICES = sheet_named("policies"), sheet_named("choices")
COLUMNS = (c.USER, c.OPTION, c.REWARD, c.PROPENSITY, c.TIME)


@dataclass(frozen=True)
class ShownLog:
    """What was shown to whom, with which chance, and what came of it."""

    users: tuple[str, ...]  # of each decision
    options_A: tuple[str, ...]
    feedback: Feedback
    days: tuple[date, date]  # the first one, and the first one after


@dataclass(frozen=True)
class Choice:
    """The verdicts, and what the winner shows to everyone; nothing where nobody wins."""

    log: ShownLog
    logged: float  # mean reward of the decisions that policies are judged on
    verdicts: tuple[Verdict, ...]
    chosen: Verdict | None
    table: pa.Table  # of `CHOICE_SCHEMA`
    notes: tuple[str, ...]


def read_shown(path: str) -> ShownLog:
    """Read a log with the columns `user`, `option`, `reward`, `propensity` and `time`.

    Raises DataError for a missing column or cell, and numbers or times that are none.
    """
    cells = read_cells(path, COLUMNS)
    if not cells[c.USER] or not all(cells[c.USER]) or not all(cells[c.OPTION]):
        raise DataError(f"'{path}' needs a user and an option in each row, and at least one row.")
    try:
        times = [datetime.fromisoformat(text) for text in cells[c.TIME]]
    except ValueError as error:
        raise DataError(
            f"The column '{c.TIME}' of '{path}': {error}. Give dates as 2026-03-02T17:45."
        ) from error
    days = {when.date() for when in times}
    options_A, option_N = np.unique(cells[c.OPTION], return_inverse=True)
    feedback = Feedback(
        option_N.astype(np.int64),
        numbers(path, c.REWARD, cells[c.REWARD]),
        numbers(path, c.PROPENSITY, cells[c.PROPENSITY]),
    )
    return ShownLog(
        tuple(cells[c.USER]),
        tuple(options_A.tolist()),
        feedback,
        (min(days), max(days) + timedelta(days=1)),
    )


def choose(workspace: Workspace, log: ShownLog, explore: float = 0.1, seed: int = 0) -> Choice:
    """Judge policies by a log, and draw everyone's option by the best if it surely earns more.

    A customer's context at every decision is the forecast from the step in which the log begins,
    and the one from now for what is drawn; `explore` is the part of draws that any option gets.
    Writes both sheets. Raises DataError for a log that begins before customers were known.
    """
    if not 0 <= explore <= 1:
        raise SettingsError(f"The part that explores is from 0 to 1; found {explore:g}.")
    history, now, model = standing_forecast(workspace)
    then = model.predict(_known_before(history, log.days[0]))
    context = Context().fit(then)
    told_NF = context.of(then, log.users)
    _, user_N = np.unique(log.users, return_inverse=True)
    options = len(log.options_A)
    judged = contest(log.feedback, told_NF, user_N, options, seed)
    verdicts, chosen, notes = judged.verdicts, judged.winner, judged.notes
    strange = len(set(log.users) - set(then.users_U.tolist()))
    if strange:
        notes = (*notes, f"{strange:,} users of the log weren't known when it began.")
    if chosen is None:
        table = CHOICE_SCHEMA.empty_table()
        notes = (*notes, "No policy surely earns more than what was shown: nothing is chosen.")
    else:
        lesson = Lesson.of(log.feedback, told_NF, options)
        lesson = replace(lesson, known_A=judged.known_A)  # what wasn't judged isn't shown
        here_UF = context.features(now)
        chance_UA = CONTESTANTS[chosen.name](lesson).chances(here_UF)
        chance_UA = (1 - explore) * chance_UA + explore * lesson.known_A / lesson.known_A.sum()
        table = _drawn(now, log.options_A, chance_UA, lesson.rewards.of(here_UF), seed)
    days = days_ahead(history, workspace.task.horizon)
    write_sheet(workspace, POLICIES, verdict_table(verdicts, chosen), log.days, notes)
    write_sheet(workspace, CHOICES, table, days, notes)
    return Choice(log, judged.logged, verdicts, chosen, table, notes)


def _known_before(history: History, day: date) -> History:
    """What was known when the step of a day began."""
    step, origin = history.interest.step, history.interest.origin
    known = step.index_of(day) - origin
    if known > history.cutoff:
        raise DataError(
            f"The log begins on {day}, and what customers did is known to {history.cutoff_date}. "
            "Bring in the events since, with `penchant ingest`."
        )
    if known < 1:
        raise DataError(
            f"The log begins on {day}, before anything was known of customers: the events begin "
            f"on {step.start(origin)}. Leave out what was shown before."
        )
    return history.until(known)


def _drawn(
    now: Forecast, options_A: Sequence[str], chance_UA: Doubles, reward_UA: Doubles, seed: int
) -> pa.Table:
    """An option of each user, drawn by its chance; the same again until the forecast moves on."""
    luck_U = np.random.default_rng([seed, now.origin]).random((len(chance_UA), 1))
    drawn_U: Codes = (luck_U >= np.cumsum(chance_UA, axis=1)[:, :-1]).sum(axis=1)
    row_U = np.arange(len(drawn_U))
    return pa.table(
        {
            c.USER: now.users_U.tolist(),
            c.OPTION: [options_A[option] for option in drawn_U],
            c.PROPENSITY: chance_UA[row_U, drawn_U],
            c.EXPECTED: reward_UA[row_U, drawn_U],
        },
        schema=CHOICE_SCHEMA,
    )
