"""Who answers: a request's parts in, a message out."""

from typing import Any, TypeVar

import msgspec

from penchant.errors import UnreadyError
from penchant.serving.body import decode
from penchant.serving.messages import (
    Arms,
    Asked,
    Batch,
    Health,
    Interests,
    Listed,
    RawAsked,
    Recommended,
    RelatedItems,
    Release,
    ReleasePage,
    Taken,
    TopicForecast,
    TopicPage,
)
from penchant.serving.problems import ProblemError
from penchant.serving.query import page
from penchant.serving.route import Call, Text

Question = TypeVar("Question", bound=Asked)
_anything = msgspec.json.Decoder(dict[str, Any])
_batch = msgspec.json.Decoder(Batch)
_asked = msgspec.json.Decoder(Asked)
_raw = msgspec.json.Decoder(RawAsked)


async def take_events(call: Call) -> Taken:
    """Take in a batch, or one event, which is any object without `events`."""
    body = call.body or b""
    try:
        events = decode(_batch, body).events
    except ProblemError as error:
        if error.status != 422:
            raise
        one = decode(_anything, body)
        if "events" in one:
            raise
        events = [one]
    taken = await call.shop.take(events, call.key)
    call.by.metrics.took(taken)
    return taken


async def recommend(call: Call) -> Recommended | Listed:
    """List items by the settings' rules."""
    return await call.shop.recommend(call.value, Asked(slots=call.values[0]))


async def recommend_by(call: Call) -> Recommended | Listed:
    """List items by rules that come along."""
    return await call.shop.recommend(call.value, _decode_asked(_asked, call))


async def recommend_raw(call: Call) -> Recommended | Listed:
    """List items for a history that comes along."""
    asked = _decode_asked(_raw, call)
    return await call.shop.recommend_raw(asked.events, asked)


async def interests(call: Call) -> Interests:
    """Tell a customer's interests."""
    return await call.shop.interests(call.value)


async def arms(call: Call) -> Arms:
    """Tell a customer's arms."""
    return await call.shop.arms(call.value)


async def related(call: Call) -> RelatedItems:
    """List what goes with an item."""
    return await call.shop.related(call.value, call.values[0])


async def topics(call: Call) -> TopicPage:
    """List topics, a page at a time."""
    names = sorted(call.shop.topics())
    start, end, following = page(names, *call.values)
    return TopicPage(topics=names[start:end], next=following)


async def topic_forecast(call: Call) -> TopicForecast:
    """Forecast a topic."""
    return await call.shop.topic_forecast(call.value)


async def releases(call: Call) -> ReleasePage:
    """List releases, a page at a time."""
    found = sorted(await call.shop.releases(), key=lambda release: release.name)
    start, end, following = page([release.name for release in found], *call.values)
    return ReleasePage(releases=found[start:end], next=following)


async def promote(call: Call) -> Release:
    """Promote a release."""
    return await call.shop.promote(call.value)


async def rollback(call: Call) -> Release:
    """Go back to the release before."""
    return await call.shop.rollback()


async def metrics(call: Call) -> Text:
    """Tell the shop's numbers."""
    return Text(call.by.metrics.text())


async def alive(call: Call) -> Health:
    """Say that the process answers."""
    return Health(status="ok")


async def ready(call: Call) -> Health:
    """Say how the shops are; what is wrong with one only where nobody needs a key."""
    healths = [tenant.opened().health() for tenant in call.gate.tenants]
    for health in healths:
        if health.status == "starting":
            raise UnreadyError(health.note or "A shop has nothing to answer from yet.", 2)
    worst = next((health for health in healths if health.status != "ok"), healths[0])
    return worst if call.gate.open else Health(status=worst.status)


async def openapi(call: Call) -> Text:
    """Describe all that can be asked."""
    return Text(call.document(call.gate.open))


def _decode_asked(decoder: "msgspec.json.Decoder[Question]", call: Call) -> Question:
    body = call.body or b""
    try:
        return decode(decoder, body)
    except ProblemError as error:
        if error.status != 422:
            raise
        sent = decode(_anything, body)
        whole = {  # JSON knows one kind of number: 20.0 is a whole one
            name: int(value) if isinstance(value, float) and value.is_integer() else value
            for name, value in sent.items()
        }
        try:
            return msgspec.convert(whole, decoder.type)
        except msgspec.ValidationError:
            raise error from None
