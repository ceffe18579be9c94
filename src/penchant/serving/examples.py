"""An example of every request and reply, for the API's description."""

from typing import Any

import msgspec

from penchant import columns as c
from penchant.serving.messages import (
    Ahead,
    Arms,
    Asked,
    Batch,
    Dealt,
    Demand,
    Health,
    Held,
    Interests,
    Judged,
    Moved,
    RawAsked,
    Recommended,
    Related,
    RelatedItems,
    Release,
    ReleasePage,
    Suggestion,
    Taken,
    TopicForecast,
    TopicPage,
    Turn,
)
from penchant.serving.sheets import SHEET_ROUTES, example
from penchant.sheets import SHEETS

USER, ITEM, TOPIC = "C011", "i68", "Tea > Green tea"
RELEASE = "r0003"
EVENT: dict[str, Any] = {
    c.EVENT: "o-1017-1",
    c.USER: USER,
    c.ITEM: ITEM,
    c.TIME: "2026-03-02T17:45:00+00:00",
    c.KIND: "purchase",
    c.VALUE: 5.96,
    c.QUANTITY: 1,
}
SPOILT: dict[str, Any] = {c.EVENT: "o-1017-2", c.USER: USER, c.ITEM: ITEM, c.TIME: "yesterday"}
PROMOTED = Release(
    name=RELEASE,
    made="2026-03-02T06:00:00Z",
    promoted=True,
    serving=True,
    recipe="boosted",
    recommender=True,
)
LISTED = Recommended(
    user=USER,
    known=True,
    level="fresh",
    degraded=False,
    release=RELEASE,
    items=[
        Suggestion(
            item="i01",
            chance=0.31,
            source="repeat",
            reason="bought 6 times, due again",
            title="Sencha, 100 g",
            topic=TOPIC,
            interest=0.62,
            because="i01",
        )
    ],
)

BODIES: dict[str, dict[str, Any]] = {
    "takeEvents": {
        "one": EVENT,
        "many": msgspec.to_builtins(Batch(events=[EVENT, SPOILT])),
    },
    "recommendBy": {
        "basket": msgspec.to_builtins(
            Asked(slots=5, basket=["i01"], most_price=20.0, most_per_topic=2)
        )
    },
    "recommendRaw": {"newcomer": msgspec.to_builtins(RawAsked(slots=5, events=[EVENT]))},
}
REPLIES: dict[str, msgspec.Struct] = {
    "takeEvents": Taken(
        sent=2,
        accepted=1,
        duplicate=0,
        quarantined=1,
        events=[
            Judged(verdict="accepted", event="o-1017-1"),
            Judged(verdict="quarantined", event="o-1017-2", field=c.TIME, reason="unreadable time"),
        ],
    ),
    "recommend": LISTED,
    "recommendBy": LISTED,
    "recommendRaw": LISTED,
    "interests": Interests(
        user=USER,
        known=True,
        degraded=False,
        release=RELEASE,
        cutoff="2026-03-02",
        now=[Held(topic=TOPIC, engagements=3.2, share=0.41, last="2026-02-23")],
        forecast=[
            Ahead(
                topic=TOPIC,
                window="1-4",
                start="2026-03-02",
                end="2026-03-30",
                chance=0.62,
                volume=1.1,
                low=0,
                high=3,
            )
        ],
        moved=[
            Moved(
                left="Coffee > Espresso", entered=TOPIC, date="2026-01-12", share=0.3, chance=0.002
            )
        ],
        turning=[Turn(topic="Coffee > Espresso", change="abandoned", window="1-4", chance=0.4)],
    ),
    "arms": Arms(user=USER, arms=[Dealt(experiment="banner", arm="new")]),
    "related": RelatedItems(
        item=ITEM,
        degraded=False,
        release=RELEASE,
        items=[Related(item="i01", score=0.12, title="Sencha, 100 g", topic=TOPIC)],
    ),
    "topics": TopicPage(topics=["Coffee > Espresso", TOPIC], next="VGVhID4gR3JlZW4gdGVh"),
    "topicForecast": TopicForecast(
        topic=TOPIC,
        degraded=False,
        release=RELEASE,
        windows=[
            Demand(
                window="1-4",
                start="2026-03-02",
                end="2026-03-30",
                volume=212.4,
                low=188,
                high=238,
                customers=96.3,
            )
        ],
    ),
    "releases": ReleasePage(releases=[PROMOTED], next=None),
    "promote": PROMOTED,
    "rollback": PROMOTED,
    "alive": Health(status="ok"),
    "ready": Health(status="ok"),
    **{route.name: example(sheet) for sheet in SHEETS for route in SHEET_ROUTES[sheet.name]},
}
VALUES = {  # in paths
    **{sheet.key: sheet.example[sheet.key] for sheet in SHEETS},
    "user": USER,
    "item": ITEM,
    "topic": TOPIC,
    "release": RELEASE,
}
