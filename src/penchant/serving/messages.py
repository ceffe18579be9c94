"""What goes over the wire: requests and replies, from which the OpenAPI document is made."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

MOST_EVENTS, MOST_RAW, MOST_SLOTS, MOST_BASKET = 10_000, 2_000, 100, 200
LONGEST_ID = 512  # characters
EVENTS = {"items": {"description": "An Event; what is none is judged so."}}  # one by one

Id = Annotated[str, Meta(min_length=1, max_length=LONGEST_ID)]
Chance = Annotated[float, Meta(ge=0, le=1)]
Verdict = Literal["accepted", "duplicate", "quarantined"]
Change = Literal["adopted", "abandoned"]
Level = Literal["fresh", "last", "segment", "popular"]  # how an answer was made, the best first


class Judged(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one event."""

    verdict: Verdict
    event: str | None = None  # its id: the sender's, or one made from its content
    field: str | None = None  # at fault, of what is quarantined
    reason: str | None = None


class Taken(msgspec.Struct, kw_only=True):
    """What became of a batch: accepted + duplicate + quarantined = sent; in the order sent."""

    sent: int
    accepted: int
    duplicate: int
    quarantined: int
    events: list[Judged]


class Suggestion(msgspec.Struct, kw_only=True):
    """One item of a list, and why it is there."""

    item: str
    chance: Chance
    source: str
    reason: str
    title: str | None = None
    topic: str | None = None
    interest: Chance | None = None  # chance of any engagement in the topic
    because: str | None = None  # the customer's own item behind it


class Recommended(msgspec.Struct, kw_only=True):
    """A customer's list, the first slot first."""

    user: str
    known: bool  # whether anything of this customer is in the log
    level: Level
    degraded: bool
    release: str | None  # that answered
    items: list[Suggestion]
    left_out: list[Judged] = []  # of a raw history: events that couldn't be used
    notes: list[str] = []  # what of the question couldn't be followed, such as an unknown topic


class Listed(msgspec.Struct, kw_only=True):
    """The same, its items written already."""

    user: str
    known: bool
    level: Level
    degraded: bool
    release: str | None
    items: msgspec.Raw
    left_out: list[Judged] = []
    notes: list[str] = []


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a list must keep to, beside the rules of the settings."""

    slots: Annotated[int, Meta(ge=1, le=MOST_SLOTS)] | None = None  # none: as the settings say
    basket: Annotated[list[Id], Meta(max_length=MOST_BASKET)] = []  # about to be bought; not shown
    exclude: Annotated[list[Id], Meta(max_length=MOST_BASKET)] = []
    topics: Annotated[list[Id], Meta(max_length=MOST_BASKET)] = []  # the only ones shown
    brands: Annotated[list[Id], Meta(max_length=MOST_BASKET)] = []
    least_price: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    most_price: Annotated[float, Meta(ge=0)] | UnsetType = UNSET
    most_per_topic: Annotated[int, Meta(ge=0, le=MOST_SLOTS)] | UnsetType = UNSET  # 0: any number
    diversity: Literal["none", "mmr", "dpp", "calibrated"] | UnsetType = UNSET


class RawAsked(Asked, kw_only=True, forbid_unknown_fields=True):
    """A raw history to answer by, of which nothing is stored, and what the list must keep to."""

    events: Annotated[list[Any], Meta(max_length=MOST_RAW, extra_json_schema=EVENTS)]


class Batch(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Events to take in, each of which is judged by itself."""

    events: Annotated[
        list[Any], Meta(min_length=1, max_length=MOST_EVENTS, extra_json_schema=EVENTS)
    ]


class Related(msgspec.Struct, kw_only=True):
    """An item bought by those who bought another, or alike in text."""

    item: str
    score: float
    title: str | None = None
    topic: str | None = None


class RelatedItems(msgspec.Struct, kw_only=True):
    """Items that go with one, the closest first."""

    item: str
    degraded: bool
    release: str | None
    items: list[Related]


class Held(msgspec.Struct, kw_only=True):
    """How much a customer is in a topic now."""

    topic: str
    engagements: float  # each halved for every half-life of age
    share: Chance
    last: str  # first day of the step of the latest one


class Ahead(msgspec.Struct, kw_only=True):
    """What is forecast of a topic in a window."""

    topic: str
    window: str
    start: str  # first day of the window
    end: str  # first day after it
    chance: Chance
    volume: float
    low: int  # 80 % interval of the engagements
    high: int


class Moved(msgspec.Struct, kw_only=True, rename={"left": "from", "entered": "to"}):
    """A change of interest that was found: what was left for what."""

    left: str | None  # none: nothing in particular
    entered: str | None
    date: str  # first day after
    share: float  # of the customer's engagements
    chance: Chance  # that such a change is none


class Turn(msgspec.Struct, kw_only=True):
    """A change of interest that is forecast: a topic likely taken up, or given up."""

    topic: str
    change: Change
    window: str
    chance: Chance


class Interests(msgspec.Struct, kw_only=True):
    """A customer's interests: now, forecast, and how they move."""

    user: str
    known: bool
    degraded: bool
    release: str | None
    cutoff: str  # first day that is not known
    now: list[Held]
    forecast: list[Ahead]
    moved: list[Moved]  # as `penchant migrate` last found
    turning: list[Turn]


class Dealt(msgspec.Struct, kw_only=True):
    """An experiment that a customer takes part in."""

    experiment: str
    arm: str


class Arms(msgspec.Struct, kw_only=True):
    """The experiments that a customer takes part in, and the arm they have in each."""

    user: str
    arms: list[Dealt]


class TopicPage(msgspec.Struct, kw_only=True):
    """Some of the topics, by name."""

    topics: list[str]
    next: str | None  # cursor of the next page; none: this is the last


class Demand(msgspec.Struct, kw_only=True):
    """What all customers together are forecast to do in a window."""

    window: str
    start: str
    end: str
    volume: float
    low: int
    high: int
    customers: float  # expected to engage at all


class TopicForecast(msgspec.Struct, kw_only=True):
    """The forecast of a topic."""

    topic: str
    degraded: bool
    release: str | None
    windows: list[Demand]


class Release(msgspec.Struct, kw_only=True):
    """A release of a workspace's models."""

    name: str
    made: str
    promoted: bool
    serving: bool
    recipe: str | None = None
    recommender: bool = False
    note: str | None = None  # why it can't be served


class ReleasePage(msgspec.Struct, kw_only=True):
    """Some of the releases, by name."""

    releases: list[Release]
    next: str | None


class Health(msgspec.Struct, kw_only=True):
    """Whether a process lives, or a shop can answer."""

    status: Literal["ok", "degraded", "starting"]
    note: str | None = None  # what is wrong


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An error as RFC 9457 writes it."""

    title: str
    status: int
    detail: str  # what was wrong, what was found, what to do
    type: str = "about:blank"
    errors: list[str] = []  # places in the body
