"""Quality: every rule that a store is looked over by, and what each finds.

Faults of single rows are judged when they are ingested; these rules see the store as a whole. Each
needs one pass or a few over the columns it reads, and brings back aggregates only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.bursts import burst, burst_events
from penchant.data.clocks import clock_shift, date_only, stray_date, stray_events
from penchant.data.completeness import missing, placeholder, placeholder_events, quarantined
from penchant.data.coverage import free_item, no_path, unknown_item
from penchant.data.damage import damaged_text
from penchant.data.engine import Tell
from penchant.data.events import EVENT_SCHEMA
from penchant.data.evidence import Evidence
from penchant.data.findings import Finding
from penchant.data.gaps import gap, kind_span
from penchant.data.outliers import outlier, outlier_events
from penchant.data.rates import bot, bot_events
from penchant.data.repeats import (
    duplicate,
    duplicate_events,
    repeated_order,
    repeated_order_events,
)
from penchant.data.returns import orphan_return, orphan_return_events, return_share
from penchant.data.unitprices import unit_change
from penchant.errors import DataError, suggest


@dataclass(frozen=True)
class Rule:
    """What is looked for, how it is found, and, where single events are at fault, which."""

    about: str
    find: Callable[[Evidence], tuple[Finding, ...]]
    code: str = ""  # of rules that name events
    field: str | None = None  # the column at fault
    events: Callable[[Evidence], ir.Table] | None = None


RULES: tuple[Rule, ...] = (
    Rule("quarantined rows", quarantined),
    Rule("stray dates", stray_date, "stray_date", c.TIME, stray_events),
    Rule("gaps", gap),
    Rule("kinds that start or stop", kind_span),
    Rule("shifted clocks", clock_shift),
    Rule("dates without times", date_only),
    Rule("bursts", burst, "burst", c.TIME, burst_events),
    Rule("duplicates", duplicate, "duplicate", None, duplicate_events),
    Rule("repeated orders", repeated_order, "repeated_order", c.ORDER, repeated_order_events),
    Rule("bots", bot, "bot", c.USER, bot_events),
    Rule("placeholders", placeholder, "placeholder", c.USER, placeholder_events),
    Rule("outliers", outlier, "outlier", c.VALUE, outlier_events),
    Rule("unit changes", unit_change),
    Rule("returns", return_share),
    Rule("orphaned returns", orphan_return, "orphan_return", c.KIND, orphan_return_events),
    Rule("missing values", missing),
    Rule("unknown items", unknown_item),
    Rule("items without category", no_path),
    Rule("items without price", free_item),
    Rule("damaged texts", damaged_text),
)
SELECTABLE = tuple(rule.code for rule in RULES if rule.events is not None)


def examine(evidence: Evidence, tell: Tell | None = None) -> tuple[Finding, ...]:
    """Look over a store by every rule; the worst findings come first.

    The store must hold events. Memory grows with customers, items and days, not with events.
    """
    return worst_first(_found(evidence, tell))


def _found(evidence: Evidence, tell: Tell | None) -> Iterator[Finding]:
    for rule in RULES:
        if tell is not None:
            tell(f"Looking for {rule.about}")
        yield from rule.find(evidence)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Order findings: the serious ones, then by the share they touch."""
    return tuple(sorted(findings, key=lambda one: (not one.serious, -one.share)))


def suspicious(events: ir.Table, code: str) -> ir.Table:
    """The events that a rule's findings are about, with the column at fault and the reason.

    None where the rule finds too little to tell. Columns: those of `EVENT_SCHEMA`, `field` and
    `reason`. Raises DataError when no rule that names
    events has this code; `SELECTABLE` lists them.
    """
    rule = next((rule for rule in RULES if rule.code == code), None)
    if rule is None or rule.events is None:
        raise DataError(f"No rule names events by the code '{code}'. {suggest(code, SELECTABLE)}")
    evidence = Evidence(events)
    found = bool(rule.find(evidence))
    chosen = rule.events(evidence) if found else events.filter(ibis.literal(False))
    chosen = chosen.select(*EVENT_SCHEMA.names)
    reason = f"looks like {'an' if code[0] in 'aeiou' else 'a'} {code.replace('_', ' ')}"
    return chosen.mutate(
        **{
            c.FIELD: ibis.literal(rule.field, type="string"),
            c.REASON: ibis.literal(reason, type="string"),
        }
    )
