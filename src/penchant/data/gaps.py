"""Gaps: days or weeks with no or far fewer events than usual, and kinds that start or stop.

Shapes: D days, P periods (days or weeks), L periods of one weekday.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from penchant.data.evidence import Evidence, day_text
from penchant.data.findings import Finding, several

WEEK = 7
NEIGHBOURS = 8  # periods of the same weekday, the nearest with any events
LOW = 0.2  # of what is expected
SPREADS = 5  # robust standard deviations of the log count below what is expected
MAD_TO_DEVIATION = 1.4826
LEAST_EXPECTED = 15  # events, so that a low count isn't luck
SERIOUS_DAYS = 7
SERIOUS_SHARE = 0.05  # of the events
LEAST_KIND = 50  # events of a kind, to say that it starts or stops
EDGE_DAYS = 28  # after the first day or before the last
EDGE_SILENCE = 15  # times the kind's usual gap
RECENT_DAYS = 28  # where a gap weighs most
RECENT_SERIOUS = 3

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Gap:
    """A run of days with too few events."""

    first: int  # day
    last: int
    found: int
    expected: float
    kind: str | None = None  # none: of all

    @property
    def days(self) -> int:
        """How long it lasts."""
        return self.last - self.first + 1


def gap(evidence: Evidence) -> tuple[Finding, ...]:
    """Days or weeks with far fewer events than the same weekdays around them."""
    gaps = all_gaps(evidence)
    if not gaps:
        return ()
    end = evidence.plausible[1]
    lost = sum(max(0.0, one.expected - one.found) for one in gaps)
    longest = max(gaps, key=lambda one: (one.days, one.expected))
    felt = [one for one in gaps if one.kind is None or one.kind in evidence.target]
    missed = sum(one.expected - one.found for one in felt)
    serious = missed >= SERIOUS_SHARE * evidence.rows or any(
        one.days >= (RECENT_SERIOUS if end - one.last < RECENT_DAYS else SERIOUS_DAYS)
        for one in felt
    )
    others = f" There are {len(gaps) - 1} more such gaps." if len(gaps) > 2 else ""
    others = " There is one more such gap." if len(gaps) == 2 else others
    return (
        Finding(
            code="gap",
            what=_sentence(longest) + others,
            advice="Ingest what is missing. A forecast takes a gap for a time of no interest; a "
            "day that the shop was closed is none.",
            serious=bool(serious),
            rows=round(lost),
            share=min(1.0, lost / (evidence.rows + lost)),
            examples=tuple(
                {
                    "from": day_text(one.first),
                    "to": day_text(one.last),
                    "kind": one.kind or "all",
                    "events": one.found,
                    "expected": round(one.expected),
                }
                for one in sorted(gaps, key=lambda one: one.found - one.expected)[:5]
            ),
        ),
    )


def _sentence(one: Gap) -> str:
    kind = "events" if one.kind is None else f"events of the kind {one.kind}"
    count = "No" if not one.found else f"Only {one.found:,}"
    span = f"on {day_text(one.first)}"
    if one.days > 1:
        span = f"from {day_text(one.first)} to {day_text(one.last)}, {one.days} days"
    return f"{count} {kind} {span}, where about {one.expected:,.0f} were to be expected."


def all_gaps(evidence: Evidence) -> list[Gap]:
    """Gaps in all events, then those of single kinds that aren't among them."""
    first, _ = evidence.plausible
    found = list(gaps_of(evidence.daily(), first))
    if len(evidence.kinds) == 1:
        return found
    missing = {day for one in found for day in range(one.first, one.last + 1)}
    for kind in evidence.kinds:
        count_D = evidence.daily(kind)
        active = np.flatnonzero(count_D)
        if not len(active):
            continue
        start = int(active[0])
        found += [
            replace(one, kind=kind)
            for one in gaps_of(count_D[start : active[-1] + 1], first + start)
            # A kind that comes in slowly begins; it isn't missing.
            if one.first > first + start and not missing.issuperset(range(one.first, one.last + 1))
        ]
    return found


def gaps_of(count_D: Counts, first: int) -> Iterator[Gap]:
    """Runs of days that are low, or of weeks where days hold too little to tell."""
    width = 1 if np.median(count_D) >= LEAST_EXPECTED else WEEK
    periods = len(count_D) // width
    count_P = count_D[: periods * width].reshape(periods, width).sum(axis=1)
    expected_P = _expected(count_P, WEEK // width)
    low_P = _low(count_P, expected_P)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low_P, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        yield Gap(
            first + start * width,
            first + end * width - 1,
            int(count_P[start:end].sum()),
            float(expected_P[start:end].sum()),
        )


def _low(count_P: Counts, expected_P: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Periods further below what is expected than this log's periods usually are."""
    off_P = np.log1p(count_P) - np.log1p(expected_P)
    usual = off_P[(count_P > 0) & (expected_P > 0)]
    spread = MAD_TO_DEVIATION * float(np.median(np.abs(usual))) if len(usual) else 0.0
    least = min(np.log(LOW), -SPREADS * spread)
    return (off_P < least) & (expected_P >= LEAST_EXPECTED)


def _expected(count_P: Counts, lanes: int) -> npt.NDArray[np.float64]:
    """Median of the nearest periods of the same weekday that have any events.

    None are expected on a weekday without events in most weeks, such as a shop's closed day.
    """
    expected_P = np.zeros(len(count_P))
    weeks = len(count_P) // lanes
    any_week = count_P[: weeks * lanes].reshape(weeks, lanes).any(axis=1).sum() if weeks else 0
    for lane in range(lanes):
        count_L = count_P[lane::lanes]
        active = np.flatnonzero(count_L)
        if len(active) <= any_week / 2 or len(active) < 3:
            continue
        for place in range(len(count_L)):
            others = active[active != place]
            near = others[np.argsort(np.abs(others - place), kind="stable")[:NEIGHBOURS]]
            expected_P[lane + place * lanes] = np.median(count_L[near])
    return expected_P


def kind_span(evidence: Evidence) -> tuple[Finding, ...]:
    """Kinds of event that start long after the others, or stop long before them."""
    first, last = evidence.plausible
    findings = []
    for kind, rows in evidence.kinds.items():
        active = first + np.flatnonzero(evidence.daily(kind))
        if rows < LEAST_KIND or len(active) < 3:
            continue
        silence = max(EDGE_DAYS, EDGE_SILENCE * float(np.median(np.diff(active))))
        wanted = kind in evidence.target
        for late, day, verb, edge in (
            (active[0] - first, active[0], "starts on", first),
            (last - active[-1], active[-1], "stops on", last),
        ):
            if late <= silence:
                continue
            what = (
                f"The kind {kind} {verb} {day_text(int(day))}, {several(int(late), 'day')} from "
                f"{day_text(edge)}, where the log does."
            )
            findings.append(
                Finding(
                    code="kind_span",
                    what=what,
                    advice="Ingest the rest of that kind, or leave out the time without it.",
                    serious=wanted,
                    rows=rows,
                    share=rows / evidence.rows,
                    examples=({"kind": kind, "events": rows, "day": day_text(int(day))},),
                )
            )
    return tuple(findings)
