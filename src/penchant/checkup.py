"""Looking over a store: what it holds, and what would spoil a forecast."""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.store import Store
from penchant.errors import PenchantError, suggest
from penchant.interest.history import History
from penchant.pipeline import Workspace, workspace_history

ENOUGH_PLACED = 0.99  # of the events, on a topic
TOO_FEW_PLACED = 0.5


@dataclass(frozen=True)
class Finding:
    """Something found: what it is, and whether it would spoil a forecast."""

    what: str
    serious: bool


def check(workspace: Workspace) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Say what a workspace's store holds, and what would spoil a forecast."""
    store = workspace.store()
    counts, span = store.counts, store.span
    findings = [Finding(damage, True) for damage in store.verify()]
    facts: dict[str, Any] = {"tables": counts, "span": [str(at.date()) for at in span or ()]}
    if findings:
        return facts, tuple(findings)
    if not counts["events"]:
        return facts, (
            Finding("The store holds no events. Run `penchant ingest` with some.", True),
        )
    events = store.events()
    facts["customers"] = int(events[c.USER].nunique().execute())
    facts["items"] = int(events[c.ITEM].nunique().execute())
    facts["kinds"] = events.group_by(c.KIND).agg(rows=events.count()).to_pandas().to_dict("records")
    findings += _about_rows(workspace, store, [row[c.KIND] for row in facts["kinds"]])
    try:
        history = workspace_history(workspace)
    except PenchantError as error:
        return facts, (*findings, Finding(str(error), True))
    _, topics, steps = history.interest.shape
    placed = _placed(events, history)
    facts |= {"topics": topics, "steps": steps, "topic_level": history.topics.level}
    facts["events_with_topic"] = placed
    findings += _about_topics(workspace, history, placed / counts["events"])
    findings += _about_time(workspace, history, store)
    return facts, tuple(findings)


def _placed(events: ir.Table, history: History) -> int:
    items = ibis.memtable(history.topics.items)
    return int(events.semi_join(items, c.ITEM).count().execute())


def _about_rows(workspace: Workspace, store: Store, kinds: list[str]) -> list[Finding]:
    findings = []
    if quarantined := store.counts["quarantine"]:
        where = store.path / "quarantine"
        message = f"{quarantined:,} rows are in quarantine, each with its reason: {where}."
        findings.append(Finding(message, False))
    strange = [kind for kind in workspace.task.target if kind not in kinds]
    if strange and len(strange) < len(workspace.task.target):
        message = f"No event is of the kind '{strange[0]}'. {suggest(strange[0], kinds)}"
        findings.append(Finding(message, False))
    return findings


def _about_topics(workspace: Workspace, history: History, share: float) -> list[Finding]:
    findings = []
    if share < ENOUGH_PLACED:
        message = f"{1 - share:.0%} of the events have no topic: their items aren't in the catalog."
        findings.append(Finding(message, share < TOO_FEW_PLACED))
    if len(history.topics) == 1:
        floor = workspace.settings.topics.floor
        message = (
            f"Everything is one topic, '{history.topics.names_T[0]}'. Topics with fewer than "
            f"{floor} customers are folded together: lower `floor` under [topics], or bring a "
            "catalog with categories."
        )
        findings.append(Finding(message, False))
    return findings


def _about_time(workspace: Workspace, history: History, store: Store) -> list[Finding]:
    findings = []
    step, steps, horizon = history.interest.step, history.cutoff, workspace.task.horizon
    span = store.span
    assert span is not None
    if span[1].date() >= history.cutoff_date:
        message = f"The {step} from {history.cutoff_date} on is incomplete and left out."
        findings.append(Finding(message, False))
    if steps < 2 * horizon:
        message = (
            f"{step.plural(steps)} are known; windows that reach {step.plural(horizon)} ahead need "
            f"{2 * horizon} or more. Ask for nearer ones under [forecast], such as "
            f'windows = ["1-{max(1, steps // 4)}"].'
        )
        findings.append(Finding(message, steps <= horizon))
    return findings
