"""Looking over a store: what it holds, what is wrong with it, and what would spoil a forecast."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.engine import Tell
from penchant.data.evidence import Evidence, totals
from penchant.data.findings import Finding, percent
from penchant.data.manifest import MANIFEST
from penchant.data.quality import SELECTABLE, examine, suspicious, worst_first
from penchant.data.step import Step
from penchant.data.store import Store
from penchant.errors import DataError, PenchantError, suggest
from penchant.interest.history import History, matched_queries
from penchant.pipeline import workspace_history
from penchant.workspace import Workspace

ENOUGH_PLACED = 0.99  # of the events, on a topic
TOO_FEW_PLACED = 0.5


@dataclass(frozen=True)
class Checkup:
    """What a store holds, and what was found, the worst first.

    `facts`: tables (rows by name), span (first and last day) and, where it could look further,
    customers, items, kinds (kind, rows), weeks (start, kind, rows), topics, steps, topic_level,
    events_with_topic. `mark` tells stores and settings apart.
    """

    facts: dict[str, Any]
    findings: tuple[Finding, ...]
    mark: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing found would spoil a forecast."""
        return not any(finding.serious for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `quality.json` holds them."""
        findings = [asdict(finding) for finding in self.findings]
        return {"ok": self.ok, **self.facts, "findings": findings, "mark": self.mark}


def quality_path(workspace: Workspace) -> Path:
    """Where the last checkup of a workspace is kept."""
    return workspace.folder / "quality.json"


def check(
    workspace: Workspace, history: History | None = None, tell: Tell | None = None
) -> Checkup:
    """Look over a workspace's store and keep what was found in `quality.json`.

    Without a `history` it is built, to say what of the store a forecast could use. Costs some tens
    of passes over single columns; memory grows with customers and items, not with events.
    """
    store = workspace.store()
    counts, span = store.counts, store.span
    facts: dict[str, Any] = {"tables": counts, "span": [str(at.date()) for at in span or ()]}
    if damaged := store.verify():
        findings = [_broken("damaged_store", damage) for damage in damaged]
    elif not counts["events"]:
        what = "The store holds no events. Run `penchant ingest` with some."
        findings = [_broken("empty_store", what)]
    else:
        findings = _looked_over(workspace, store, facts, history, tell)
    made = Checkup(facts, worst_first(findings), _mark(workspace, store))
    path = quality_path(workspace)
    path.write_text(json.dumps(made.to_dict(), indent=1, default=str) + "\n", encoding="utf-8")
    return made


def set_aside(
    workspace: Workspace, codes: Sequence[str], tell: Tell | None = None
) -> dict[str, int]:
    """Move the events that rules found into quarantine; returns how many of each rule.

    Raises DataError, before anything is moved, when no rule that names events has such a code.
    """
    for code in codes:
        if code not in SELECTABLE:
            raise DataError(
                f"No rule names events by the code '{code}'. {suggest(code, SELECTABLE)}"
            )
    store, moved = workspace.store(), {}
    for code in codes:
        if tell is not None:
            tell(f"Setting aside what {code} finds")
        moved[code] = store.set_aside(suspicious(store.logged(), code))
    return moved


def last_check(workspace: Workspace, history: History | None = None) -> Checkup:
    """The checkup kept, if it is of this store under these settings; else a new one."""
    path = quality_path(workspace)
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("mark") == _mark(workspace, workspace.store()):
            findings = tuple(
                Finding(**{**found, "examples": tuple(found["examples"])})
                for found in content["findings"]
            )
            apart = ("ok", "findings", "mark")
            facts = {name: fact for name, fact in content.items() if name not in apart}
            return Checkup(facts, findings, content["mark"])
    return check(workspace, history)


def _mark(workspace: Workspace, store: Store) -> str:
    content = (store.path / MANIFEST).read_bytes() + repr(workspace.settings).encode()
    return hashlib.sha256(content).hexdigest()


def _broken(code: str, what: str) -> Finding:
    return Finding(code=code, what=what, serious=True)


def _looked_over(
    workspace: Workspace,
    store: Store,
    facts: dict[str, Any],
    history: History | None,
    tell: Tell | None,
) -> list[Finding]:
    """Findings of every rule and about the forecast; adds to the facts."""
    counts = store.counts
    evidence = Evidence(
        store.events(),
        store.catalog() if counts["catalog"] else None,
        store.quarantine() if counts["quarantine"] else None,
        workspace.task.target,
    )
    users, items = evidence.customers, evidence.items
    facts["customers"] = totals(users, users=users[c.USER].nunique())["users"]
    facts["items"] = totals(items, items=items.count())["items"]
    facts["kinds"] = [{c.KIND: kind, c.ROWS: rows} for kind, rows in evidence.kinds.items()]
    facts["weeks"] = _weeks(evidence)
    findings = [*examine(evidence, tell), *_about_kinds(workspace, list(evidence.kinds))]
    findings += _about_identities(store)
    try:
        history = history or workspace_history(workspace)
    except PenchantError as error:
        return [*findings, _broken("no_history", str(error))]
    _, topics, steps = history.interest.shape
    named = totals(evidence.items, rows=evidence.items[c.ROWS].sum())[c.ROWS]
    placed = _placed(evidence.items, history)
    facts |= {"topics": topics, "steps": steps, "topic_level": history.topics.level}
    facts["events_with_topic"] = placed + _searched(store, history)
    findings += _about_topics(workspace, history, placed, named)
    return findings + _about_time(workspace, history, store)


def _weeks(evidence: Evidence) -> list[dict[str, Any]]:
    """Events of each kind by week, stray dates left out."""
    first, last = evidence.plausible
    hours = evidence.hours
    inside = hours[(hours["day"] >= first) & (hours["day"] <= last)]
    week = inside["day"].map(lambda day: Step.WEEK.index_of(Step.DAY.start(int(day))))
    counted = inside.assign(week=week).groupby(["week", c.KIND])[[c.ROWS]].sum().reset_index()
    return [
        {
            c.START: Step.WEEK.start(int(row["week"])).isoformat(),
            c.KIND: row[c.KIND],
            c.ROWS: int(row[c.ROWS]),
        }
        for row in counted.to_dict("records")
    ]


def _placed(items: ir.Table, history: History) -> int:
    """Events of items that have a topic."""
    found = items.semi_join(ibis.memtable(history.topics.items), c.ITEM)
    return totals(found, rows=found[c.ROWS].sum())[c.ROWS]


def _searched(store: Store, history: History) -> int:
    """Searches without an item whose words are about a topic."""
    events = store.events()
    queries = matched_queries(events, history.topics)
    if queries is None:
        return 0
    found = events.filter(events[c.ITEM].isnull()).semi_join(queries, c.QUERY)
    return totals(found, rows=found.count())[c.ROWS]


def _about_identities(store: Store) -> list[Finding]:
    pairs = store.identities().ambiguous if store.counts["identities"] else None
    if not pairs:
        return []
    aliases = pairs[c.ALIAS].unique().to_pylist()
    return [
        Finding(
            code="ambiguous_alias",
            what=f"{len(aliases):,} aliases are claimed by several customers each.",
            advice="Their events stay under their own ids. Nothing to do for shared devices; else "
            "mend the table of identities.",
            rows=len(pairs),
            examples=tuple(pairs.slice(0, 3).to_pylist()),
        )
    ]


def _about_kinds(workspace: Workspace, kinds: list[str]) -> list[Finding]:
    strange = [kind for kind in workspace.task.target if kind not in kinds]
    if not strange or len(strange) == len(workspace.task.target):
        return []
    what = f"No event is of the kind '{strange[0]}'. {suggest(strange[0], kinds)}"
    advice = "Set the target under [forecast] to kinds that the store holds."
    return [Finding(code="strange_kind", what=what, advice=advice)]


def _about_topics(workspace: Workspace, history: History, placed: int, named: int) -> list[Finding]:
    findings = []
    share = placed / max(named, 1)
    if share < ENOUGH_PLACED:
        findings.append(
            Finding(
                code="no_topic",
                what=f"{percent(1 - share)} of the events with an item have no topic: the catalog "
                "doesn't know their items, or doesn't place them deep enough.",
                advice="Bring a catalog that places these items, or set `level` under [topics] "
                "lower.",
                serious=share < TOO_FEW_PLACED,
                rows=named - placed,
                share=1 - share,
            )
        )
    if len(history.topics) == 1:
        floor = workspace.settings.topics.floor
        what = (
            f"Everything is one topic, '{history.topics.names_T[0]}'. Topics with fewer than "
            f"{floor} customers are folded together."
        )
        advice = "Lower `floor` under [topics], or bring a catalog with categories."
        findings.append(Finding(code="one_topic", what=what, advice=advice))
    return findings


def _about_time(workspace: Workspace, history: History, store: Store) -> list[Finding]:
    findings = []
    step, steps, horizon = history.interest.step, history.cutoff, workspace.task.horizon
    span = store.span
    assert span is not None
    if span[1].date() >= history.cutoff_date:
        findings.append(
            Finding(
                code="incomplete_step",
                what=f"The {step} from {history.cutoff_date} on is incomplete and left out.",
                advice=f"Nothing to do; it counts once the {step} is over.",
            )
        )
    if steps < 2 * horizon:
        what = (
            f"{step.plural(steps)} are known; windows that reach {step.plural(horizon)} ahead need "
            f"{2 * horizon} or more."
        )
        near = max(1, steps // 4)
        advice = f'Ask for nearer ones under [forecast], such as windows = ["1-{near}"].'
        findings.append(
            Finding(code="short_history", what=what, advice=advice, serious=steps <= horizon)
        )
    return findings
