"""Whatever order events come in, cut, repeated, set aside or replayed, the store holds the truth.

A model in plain Python holds what the store should: the events, and the quarantined rows by place.
"""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

import ibis
import logs
import pandas as pd
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from penchant import columns as c
from penchant.data.quarantine import SET_ASIDE
from penchant.data.replay import Choice
from penchant.data.store import Store

TIMES = ["2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01", "never", ""]
EVENT = st.fixed_dictionaries(
    {
        c.USER: st.sampled_from(["ann", "bob", " ann", ""]),
        c.ITEM: st.sampled_from(["x", "y", None]),
        c.TIME: st.sampled_from(TIMES),
        c.KIND: st.sampled_from(["view", "purchase"]),
        c.VALUE: st.sampled_from(["1", "-0", "0", None, "-2", "bad"]),
        c.QUERY: st.none() | st.just("shoes"),
        c.EVENT: st.sampled_from([None, None, "1", "2", "3"]),
    }
)
READ = {time: pd.Timestamp(time).to_pydatetime() for time in TIMES[:4]}


def judged(row):
    verdict = logs.judged({**row, c.TIME: "2024-01-31" if row[c.TIME] in READ else row[c.TIME]})
    if isinstance(verdict, dict):
        verdict[c.TIME] = READ[row[c.TIME]]
    return verdict


class Batches(RuleBasedStateMachine):
    """Appends, replays, sets aside and compacts, and knows what must come of it."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp(prefix="batches-"))
        self.store = Store.create(self.folder / "store")
        self.sent = []  # every row ever appended
        self.events = []  # what the store should hold
        self.aside = {}  # refused rows by source and number of row
        self.taken = []  # events that a rule set aside
        self.files = 0

    def teardown(self):
        if hasattr(self, "folder"):
            self.compare_with_one_batch()
            shutil.rmtree(self.folder)

    def append(self, rows):
        self.files += 1
        path = self.folder / f"{self.files}.jsonl"
        pd.DataFrame(rows, columns=logs.COLUMNS).to_json(path, orient="records", lines=True)
        receipt = self.store.append(path)
        verdicts = [judged(row) for row in rows]
        merged = logs.kept([*self.events, *self.new_of(verdicts)])
        assert receipt.sent == len(rows)
        assert receipt.accepted == len(merged) - len(self.events)
        refused = Counter(verdict for verdict in verdicts if isinstance(verdict, str))
        assert receipt.reasons == refused
        self.events = merged
        self.sent += rows
        for number, (row, verdict) in enumerate(zip(rows, verdicts, strict=True), start=1):
            if isinstance(verdict, str):
                self.aside[str(path), number] = (row, verdict)

    def new_of(self, verdicts):
        """Accepted events that aren't held in quarantine, set aside."""
        return [v for v in verdicts if isinstance(v, dict) and v not in self.taken]

    @rule(rows=st.lists(EVENT, min_size=1, max_size=6))
    def append_new(self, rows):
        self.append(rows)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def append_old_ones_again(self, data):
        """Duplicates, in another order and cut at other places."""
        again = data.draw(st.lists(st.sampled_from(self.sent), min_size=1, max_size=8))
        cut = data.draw(st.integers(0, len(again)))
        for part in (again[cut:], again[:cut]):
            if part:
                self.append(part)

    @precondition(lambda self: self.aside)
    @rule(
        change=st.sampled_from(
            [(c.USER, "cat"), (c.TIME, "2024-02-29"), (c.VALUE, "5"), (c.QUERY, "hats"), None]
        )
    )
    def replay(self, change):
        """Correct a cell of all refused rows and send them again."""
        changes = dict([change] if change else [])
        receipt = self.store.replay(Choice(), changes)
        mended = {place: {**row, **changes} for place, (row, _) in self.aside.items()}
        verdicts = {place: judged(row) for place, row in mended.items()}
        accepted = [v for v in verdicts.values() if isinstance(v, dict)]
        merged = logs.kept([*self.events, *self.new_of(accepted)])
        assert receipt.sent == len(self.aside)
        assert receipt.accepted == len(merged) - len(self.events)
        assert receipt.quarantined == len(self.aside) - len(accepted)
        self.events = merged
        self.sent += [mended[place] for place, v in verdicts.items() if isinstance(v, dict)]
        self.aside = {
            place: (mended[place], v) for place, v in verdicts.items() if isinstance(v, str)
        }

    @precondition(lambda self: self.events and not self.taken)
    @rule(user=st.sampled_from(["ann", "bob", "cat"]))
    def set_aside(self, user):
        logged = self.store.logged()
        chosen = logged.filter(logged[c.USER] == user)
        reason = {c.FIELD: ibis.literal(c.USER), c.REASON: ibis.literal("a bot")}
        moved = self.store.set_aside(chosen.mutate(**reason))
        self.taken = [event for event in self.events if event[c.USER] == user]
        self.events = [event for event in self.events if event[c.USER] != user]
        assert moved == len(self.taken)

    @precondition(lambda self: self.taken)
    @rule()
    def put_back(self):
        receipt = self.store.replay(Choice(reason="a bot"))
        merged = logs.kept([*self.events, *self.taken])
        assert (receipt.sent, receipt.quarantined) == (len(self.taken), 0)
        assert receipt.accepted == len(merged) - len(self.events)
        self.events, self.taken = merged, []

    @rule()
    def compact(self):
        self.store.compact()
        folders = [file.folder for file in self.store.manifest.of("events")]
        assert len(folders) == len(set(folders))

    @rule()
    def reopen(self):
        self.store = Store.open(self.store.path)

    @invariant()
    def holds_the_truth(self):
        if not hasattr(self, "folder"):
            return
        assert logs.held(self.store) == self.events
        assert self.store.counts["events"] == len(self.events)
        rows = self.store.quarantine().to_pyarrow().to_pylist()
        refused = {
            (row[c.SOURCE], row[c.ROW]): row[c.REASON] for row in rows if row[c.SOURCE] != SET_ASIDE
        }
        assert refused == {place: reason for place, (_, reason) in self.aside.items()}
        assert len(rows) == len(self.aside) + len(self.taken)
        assert self.store.counts["quarantine"] == len(rows)
        assert self.store.verify() == ()
        assert not list(self.store.path.rglob(".pending-*"))

    def compare_with_one_batch(self):
        """A store given the same rows at once holds the same bytes, once both are compacted."""
        if self.taken:
            self.put_back()
        if not self.sent:
            return
        whole = Store.create(self.folder / "whole")
        whole.append(pd.DataFrame(self.sent, columns=logs.COLUMNS))
        for store in (whole, self.store):
            store.compact()
        assert whole.manifest.of("events") == self.store.manifest.of("events")


def test_the_longest_way_round_ends_at_the_truth():
    """Each rule once, with rivals for one id in two months and an event that comes late."""
    row = {c.USER: "ann", c.ITEM: "x", c.KIND: "view", c.VALUE: "1", c.QUERY: None, c.EVENT: None}
    march, late = row | {c.TIME: "2024-03-01"}, row | {c.TIME: "2024-01-31"}
    rivals = [march | {c.EVENT: "1", c.USER: "bob"}, late | {c.EVENT: "1"}]
    state = Batches()
    state.begin()
    steps = [
        lambda: state.append([march, march, march | {c.USER: ""}, rivals[0]]),
        lambda: state.append([late, rivals[1], row | {c.TIME: "never"}]),
        lambda: state.set_aside("ann"),
        lambda: state.append([march, rivals[0]]),
        lambda: state.replay((c.TIME, "2024-02-29")),
        state.compact,
        state.put_back,
        state.reopen,
        lambda: state.replay((c.USER, "cat")),
        lambda: state.append([rivals[0], late, march]),
    ]
    for step in steps:
        step()
        state.holds_the_truth()
    assert not state.aside
    assert len(state.events) > 3
    state.teardown()


class TestBatches(Batches.TestCase):
    settings = logs.tries(5)
    settings = type(settings)(settings, stateful_step_count=12)
