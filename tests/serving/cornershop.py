"""A small shop in memory that behaves as a served one does, and a client without a network."""

import asyncio
import atexit
import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa

from penchant.errors import ConflictError, UnknownError
from penchant.serving.app import App
from penchant.serving.gate import Gate, Tenant
from penchant.serving.keys import SCOPES, KeyFile
from penchant.serving.log import Log
from penchant.serving.messages import (
    Arms,
    Dealt,
    Demand,
    Health,
    Held,
    Interests,
    Judged,
    Recommended,
    Related,
    RelatedItems,
    Release,
    Suggestion,
    Taken,
    TopicForecast,
)
from penchant.serving.protocol import Standing
from penchant.sheet import Filled

CATALOG = {
    "i01": "Tea > Green tea",
    "i68": "Tea > Green tea",
    "i55": "Coffee > Espresso",
    "i77": "Bread/Rolls",
}
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
LOOP = asyncio.new_event_loop()
atexit.register(LOOP.close)
RELEASES = ("r0001", "r0002")


class CornerShop:
    def __init__(self, name="corner"):
        self.name = name
        self.health_now = Health(status="ok")
        self.fails = None
        self.bought = {}
        self.seen = set()
        self.answers = {}
        self.promoted = [RELEASES[0]]
        self.closed = False

    def start(self):
        pass

    async def take(self, events, key):
        if self.fails:
            raise self.fails
        content = hashlib.sha256(json.dumps(events, sort_keys=True).encode()).digest()
        if key is not None and key in self.answers:
            before, taken = self.answers[key]
            if before != content:
                raise ConflictError(f"The key '{key}' came with other events.")
            return taken
        judged = [self.judge(event) for event in events]
        count = {v: sum(one.verdict == v for one in judged) for v in VERDICTS}
        taken = Taken(sent=len(events), events=judged, **count)
        if key is not None:
            self.answers[key] = content, taken
        return taken

    def judge(self, event):
        if not isinstance(event, dict):
            return Judged(verdict="quarantined", reason="malformed line")
        for field in ("user", "item", "time"):
            if not isinstance(event.get(field), str) or not event[field]:
                return Judged(verdict="quarantined", field=field, reason=f"no {field}")
        try:
            datetime.fromisoformat(event["time"])
        except ValueError:
            return Judged(verdict="quarantined", field="time", reason="unreadable time")
        content = json.dumps(event, sort_keys=True).encode()
        name = str(event.get("event") or hashlib.sha256(content).hexdigest())
        if name in self.seen:
            return Judged(verdict="duplicate", event=name)
        self.seen.add(name)
        self.bought.setdefault(event["user"], []).append(event["item"])
        return Judged(verdict="accepted", event=name)

    async def recommend(self, user, asked):
        return self.listed(user, self.bought.get(user, []), asked)

    async def recommend_raw(self, events, asked):
        other = CornerShop(self.name)
        judged = [other.judge(event) for event in events]
        items = [item for items in other.bought.values() for item in items]
        answer = self.listed("", items, asked)
        answer.left_out = [one for one in judged if one.verdict == "quarantined"]
        return answer

    def listed(self, user, items, asked):
        notes = [
            f"There is no topic '{name}'." for name in asked.topics if name not in self.topics()
        ]
        shown = [
            Suggestion(item=item, chance=0.5, source="repeat", reason="in stock", topic=topic)
            for item, topic in sorted(
                CATALOG.items(), key=lambda pair: (pair[0] not in items, pair)
            )
            if item not in asked.exclude and (not asked.topics or topic in asked.topics)
        ]
        return Recommended(
            user=user,
            known=bool(items),
            level="fresh" if items else "popular",
            degraded=False,
            release=self.promoted[-1],
            items=shown[: asked.slots or 20],
            notes=notes,
        )

    async def interests(self, user):
        topics = [CATALOG[item] for item in self.bought.get(user, []) if item in CATALOG]
        return Interests(
            user=user,
            known=user in self.bought,
            degraded=False,
            release=self.promoted[-1],
            cutoff="2026-03-02",
            now=[
                Held(
                    topic=topic,
                    engagements=topics.count(topic),
                    share=topics.count(topic) / len(topics),
                    last="2026-02-23",
                )
                for topic in sorted(set(topics))
            ],
            forecast=[],
            moved=[],
            turning=[],
        )

    async def arms(self, user):
        return Arms(user=user, arms=[Dealt(experiment="banner", arm="new")])

    async def related(self, item, slots):
        if item not in CATALOG:
            raise UnknownError(f"There is no item '{item}'.")
        others = [Related(item=other, score=0.1) for other in CATALOG if other != item]
        return RelatedItems(
            item=item, degraded=False, release=self.promoted[-1], items=others[:slots]
        )

    async def sheet_page(self, sheet, start, limit):
        filled = self.filled(sheet)
        return replace(filled, table=filled.table.slice(start, limit)), len(filled.table)

    async def sheet_rows(self, sheet, value):
        if value != sheet.example[sheet.key]:
            raise UnknownError(f"Nothing was said of '{value}'.")
        return self.filled(sheet)

    def filled(self, sheet):
        table = pa.Table.from_pylist([dict(sheet.example)], schema=sheet.schema)
        return Filled(sheet, table, date(2026, 3, 2), date(2026, 4, 27), NOW, ("no values",))

    def topics(self):
        return set(CATALOG.values())

    async def topic_forecast(self, topic):
        if topic not in self.topics():
            raise UnknownError(f"There is no topic '{topic}'.")
        window = Demand(
            window="1-4", start="2026-03-02", end="2026-03-30", volume=2, low=0, high=5, customers=1
        )
        return TopicForecast(
            topic=topic, degraded=False, release=self.promoted[-1], windows=[window]
        )

    async def releases(self):
        return [self.release(name) for name in RELEASES]

    def release(self, name):
        now = name == self.promoted[-1]
        return Release(name=name, made=name, promoted=now, serving=now)

    async def promote(self, name):
        if name not in RELEASES:
            raise UnknownError(f"There is no release '{name}'.")
        if name != self.promoted[-1]:
            self.promoted.append(name)
        return self.release(name)

    async def rollback(self):
        if len(self.promoted) == 1:
            raise UnknownError("There is no release before this one.")
        self.promoted.pop()
        return self.release(self.promoted[-1])

    def health(self):
        return self.health_now

    def standing(self):
        return Standing(release=self.promoted[-1], fresh_seconds=0.25, pending_bytes=17)

    async def close(self):
        self.closed = True


VERDICTS = ("accepted", "duplicate", "quarantined")


class Reply:
    def __init__(self, messages):
        start, *parts = messages
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(part.get("body", b"") for part in parts)

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def whole(self):
        return self.status, tuple(sorted(self.headers.items())), self.body


class Client:
    """Asks an application, always in one event loop."""

    def __init__(self, app, key=None):
        self.app, self.key = app, key
        self.loop = LOOP

    def ask(self, method, target, body=None, *, key=None, parts=None, **headers):
        """`body` is bytes, or becomes JSON; `parts` are its messages."""
        path, _, query = target.partition("?")
        key = key or self.key
        sent = {"host": "localhost:8000"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        if key:
            sent["authorization"] = f"Bearer {key}"
        if body is not None:
            sent = {"content-type": "application/json"} | sent
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        messages = parts or [{"type": "http.request", "body": content}]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), str(value).encode()) for name, value in sent.items()],
        }
        replies = []

        async def receive():
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            replies.append(message)

        self.loop.run_until_complete(self.app(scope, receive, send))
        return Reply(replies) if replies else None


def serving(folder, *names, keys=True, loopback=True, requests=True):
    """An application of corner shops, with a key of all scopes for each; its log."""
    tenants, tokens = [], []
    for name in names or ("corner",):
        file = KeyFile(folder / name)
        if keys:
            tokens.append(file.add("all", SCOPES)[1])
        tenants.append(Tenant(name, file, CornerShop(name)))
    log = io.BytesIO()
    gate = Gate(tenants, loopback=loopback)
    return App(gate, Log(log, requests=requests)), tenants, tokens, log
