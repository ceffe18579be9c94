"""Clocks: days told in another zone, dates without a time of day, dates that can't be meant.

Shapes: B blocks of days, H hours of a day, S shifts of the clock.
"""

from dataclasses import dataclass, replace

import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt

from penchant import columns as c
from penchant.data.evidence import Evidence, day_text
from penchant.data.findings import Finding, percent, several

Array = npt.NDArray[np.float64]

HOURS = 24
LEAST_EVENTS = 200  # of a block, to tell its profile
FLOOR = 0.002  # chance of any hour, so that none is impossible
GAIN = 0.1  # nats an event by which a shifted clock fits better
STILL_OFF = 0.5  # of the misfit that may remain after the shift
ROUNDS = 5
CLEARLY_DATED = 0.02  # of the events at midnight: not by chance
ONLY_DATED = 0.99
WEEK = 7


@dataclass(frozen=True)
class Shifted:
    """A run of days whose clock is off."""

    kind: str
    first: int  # day
    last: int
    hours: int  # ahead of the rest
    rows: int


def clock_shift(evidence: Evidence) -> tuple[Finding, ...]:
    """Days whose hours look like the other days' hours, moved: another time zone."""
    runs = [run for kind in evidence.kinds for run in shifted_days(evidence, kind)]
    if not runs:
        return ()
    rows = sum(run.rows for run in runs)
    worst = max(runs, key=lambda run: run.rows)
    direction = "later" if worst.hours > 0 else "earlier"
    what = (
        f"The clock seems to be off for {several(rows, 'event')}: from {day_text(worst.first)} to "
        f"{day_text(worst.last)} the {worst.kind} events come "
        f"{several(abs(worst.hours), 'hour')} {direction} in the day than else. A zone or summer "
        "time is mixed up."
    )
    return (
        Finding(
            code="clock_shift",
            what=what,
            advice="Send times with their zone, or set `timezone` to the shop's, and ingest again.",
            rows=rows,
            share=rows / evidence.rows,
            examples=tuple(
                {
                    "kind": run.kind,
                    "from": day_text(run.first),
                    "to": day_text(run.last),
                    "hours later": run.hours,
                    "events": run.rows,
                }
                for run in sorted(runs, key=lambda run: -run.rows)[:5]
            ),
        ),
    )


def shifted_days(evidence: Evidence, kind: str) -> list[Shifted]:
    """Runs of days of a kind, or weeks where days hold little, that a shifted clock explains."""
    first, last = evidence.plausible
    found = evidence.hours
    found = found[(found[c.KIND] == kind) & (found["day"] >= first) & (found["day"] <= last)]
    table = found.pivot_table(index="day", columns="hour", values=c.ROWS, aggfunc="sum")
    table = table.reindex(index=range(first, last + 1), columns=range(HOURS)).fillna(0.0)
    width = 1 if table.sum(axis=1).median() >= LEAST_EVENTS else WEEK
    block = (table.index - first) // width
    count_BH = table.groupby(block).sum().to_numpy()
    enough = np.flatnonzero(count_BH.sum(axis=1) >= LEAST_EVENTS)
    if len(enough) < 4:
        return []
    shift_B = _shifts(count_BH[enough])
    runs: list[Shifted] = []
    for b, shift in zip(enough, shift_B, strict=True):
        if shift == 0:
            continue
        start, rows = first + int(b) * width, int(count_BH[b].sum())
        end = min(start + width - 1, last)
        if runs and runs[-1].hours == shift and start - runs[-1].last <= WEEK:
            runs[-1] = replace(runs[-1], last=end, rows=runs[-1].rows + rows)
        else:
            runs.append(Shifted(kind, start, end, int(shift), rows))
    return runs


def _shifts(count_BH: Array) -> npt.NDArray[np.int64]:
    """Hours by which each block's clock is ahead, 0 unless that is plain.

    The usual profile is refined by leaving out the blocks that are off.
    """
    profile_BH = count_BH / count_BH.sum(axis=1, keepdims=True)
    usual_H = np.median(profile_BH, axis=0)
    moves = range(-HOURS // 2 + 1, HOURS // 2 + 1)
    for _ in range(ROUNDS):
        usual_H = (1 - HOURS * FLOOR) * usual_H / usual_H.sum() + FLOOR
        misfit_BS = np.stack([_misfit(profile_BH, np.roll(usual_H, s)) for s in moves], axis=1)
        best_B = misfit_BS.argmin(axis=1)
        still_B, least_B = misfit_BS[:, HOURS // 2 - 1], misfit_BS.min(axis=1)
        off_B = (still_B - least_B > GAIN) & (least_B < STILL_OFF * still_B)
        if off_B.all():
            return np.zeros(len(count_BH), dtype=np.int64)
        usual_H = count_BH[~off_B].sum(axis=0)
    ordinary = np.quantile(still_B[~off_B], 0.9)
    off_B &= least_B <= max(2 * ordinary, GAIN / 2)
    return np.where(off_B, np.array(moves)[best_B], 0)


def _misfit(profile_BH: Array, usual_H: Array) -> Array:
    """Kullback-Leibler divergence of each block from a profile, in nats an event."""
    ratio_BH = np.where(profile_BH > 0, profile_BH, 1.0) / usual_H
    divergence_B: Array = (profile_BH * np.log(ratio_BH)).sum(axis=1)
    return divergence_B


def date_only(evidence: Evidence) -> tuple[Finding, ...]:
    """Times at midnight: dates without a time of day, everywhere or in some of the rows."""
    midnight = int(evidence.hours["midnight"].sum())
    share = midnight / evidence.rows
    if share < CLEARLY_DATED:
        return ()
    if share >= ONLY_DATED:
        what = "Times are dates: all are at midnight. Days, weeks and months are as good as ever."
        advice = "Nothing to do, unless sessions or hours matter to you."
    else:
        what = (
            f"{several(midnight, 'event')} ({percent(share)}) are at midnight exactly: some rows "
            "carry a date without a time of day."
        )
        advice = "Look at the sources of those rows; a time there may be cut off."
    by_kind = evidence.hours.groupby(c.KIND)[[c.ROWS, "midnight"]].sum().reset_index()
    rows = by_kind.sort_values("midnight", ascending=False).head(5).to_dict("records")
    examples = tuple(
        {"kind": row[c.KIND], "events": int(row[c.ROWS]), "at midnight": int(row["midnight"])}
        for row in rows
    )
    return (
        Finding(
            code="date_only",
            what=what,
            advice=advice,
            rows=midnight,
            share=share,
            examples=examples if share < ONLY_DATED else (),
        ),
    )


def stray_date(evidence: Evidence) -> tuple[Finding, ...]:
    """Days far before or after all others, such as 1970-01-01 or a typing error's year."""
    first, last = evidence.plausible
    days = evidence.active_days
    stray = days[(days.index < first) | (days.index > last)]
    if not len(stray):
        return ()
    rows = int(stray.sum())
    what = (
        f"{several(rows, 'event')} lie far apart from the rest, which run from {day_text(first)} "
        f"to {day_text(last)}: the earliest on {day_text(int(stray.index.min()))}, the latest on "
        f"{day_text(int(stray.index.max()))}. A forecast would take the silence between for "
        "history."
    )
    top = stray.sort_values(ascending=False, kind="stable").head(5)
    return (
        Finding(
            code="stray_date",
            what=what,
            advice="Set them aside: `penchant check --set-aside stray_date`.",
            serious=True,
            rows=rows,
            share=rows / evidence.rows,
            examples=tuple(
                {"day": day_text(day), "events": count}
                for day, count in zip(top.index.tolist(), top.tolist(), strict=True)
            ),
        ),
    )


def stray_events(evidence: Evidence) -> ir.Table:
    """The events on stray dates."""
    first, last = evidence.plausible
    at = evidence.events[c.TIME].epoch_seconds()
    return evidence.events.filter((at < first * 86_400) | (at >= (last + 1) * 86_400))
