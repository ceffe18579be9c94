"""A served shop: what it answers follows events at once, and is what a batch would answer."""

import asyncio
import json
import shutil
from datetime import datetime, timedelta

import msgspec
import numpy as np
import pytest

import ownshop
from penchant import releases
from penchant.errors import UnknownError, UnreadyError
from penchant.interest.fresh import fresh_past
from penchant.serving.ground import told as flat
from penchant.serving.live import STRANGER
from penchant.serving.messages import Asked
from penchant.serving.shop import ServedShop, open_shop
from penchant.workspace import Workspace


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return ownshop.fitted(tmp_path_factory.mktemp("serving"))


@pytest.fixture
def workspace(fitted, tmp_path):
    shutil.copytree(fitted, tmp_path / "shop")
    return Workspace.open(tmp_path / "shop" / "penchant.toml")


def served(workspace, questions):
    """Open a shop, ask it, close it."""

    async def run():
        shop = await asyncio.to_thread(open_shop, workspace)
        shop.start()
        try:
            await until(lambda: shop.health().status != "starting")
            return await questions(shop)
        finally:
            await shop.close()

    return asyncio.run(run())


async def until(true):
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


def bought(user, item, number, when):
    return {
        "user": user,
        "item": item,
        "time": when.isoformat(),
        "kind": "purchase",
        "value": 3.5,
        "order": f"new-{number // 2}",
        "event": f"new-{number}",
    }


def items(reply):
    return [row["item"] for row in json.loads(msgspec.json.encode(reply))["items"]]


def last_day(shop: ServedShop) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=int(shop.live.ground.past.time_N.max()))


def some(shop: ServedShop) -> tuple[str, list[str]]:
    """A customer, and items they never bought."""
    past = shop.live.ground.past
    mine = np.unique(past.item_N[past.user_N == 0])
    others = np.setdiff1d(np.argsort(-np.bincount(past.item_N, minlength=past.shape[1])), mine)
    return str(past.users_U[0]), past.items_I[others[:4]].tolist()


def test_an_event_changes_interests_and_the_next_list(workspace):
    async def questions(shop):
        user, others = some(shop)
        before = await shop.recommend(user, Asked()), await shop.interests(user)
        when = last_day(shop)
        events = [bought(user, others[n // 3], n, when) for n in range(12)]
        assert (await shop.take(events, None)).accepted == 12
        return before, (await shop.recommend(user, Asked()), await shop.interests(user)), others

    before, after, others = served(workspace, questions)
    assert (before[0].level, after[0].level) == ("fresh", "fresh")
    assert not before[0].degraded
    assert set(others) & set(items(after[0])) > set(others) & set(items(before[0]))
    held = [sum(row.engagements for row in interests.now) for _, interests in (before, after)]
    assert held[1] == pytest.approx(held[0] + 12, rel=0.2)
    chances = [sum(row.chance for row in interests.forecast) for _, interests in (before, after)]
    assert chances[1] > chances[0]


def test_what_is_live_is_what_a_ground_of_all_events_says(workspace):
    async def live(shop):
        user, others = some(shop)
        when = last_day(shop)
        events = [bought(user, others[n % 3], n, when - timedelta(hours=n)) for n in range(9)]
        events += [bought("newcomer", others[0], 50, when), bought("newcomer", others[1], 51, when)]
        await shop.take(events, None)
        users = (user, "newcomer")
        fresh = {name: shop.live.events(name) for name in users}
        past, history = pasts(shop, fresh), shop.live.ground.histories(fresh)
        lists = [items(await shop.recommend(name, Asked())) for name in users]
        moved = await shop.compaction.compact()
        assert moved.rows == len(events)
        return past, entries(history), lists, users

    past, history, lists, users = served(workspace, live)

    async def anew(shop):
        fresh = {name: shop.live.events(name) for name in users}
        assert not any(fresh.values())
        return pasts(shop, fresh), entries(shop.live.ground.histories(fresh))

    assert served(workspace, anew) == (past, history)
    assert all(lists)


def pasts(shop, fresh):
    users, rows, events = flat(fresh)
    past = fresh_past(shop.live.ground.past.of(users), rows, events)
    columns = (past.user_N, past.item_N, past.kind_N, past.time_N, past.basket_N)
    return [column.tolist() for column in columns]


def entries(history):
    held = history.interest
    columns = (held.user_N, held.topic_N, held.step_N, held.count_NK, held.money_N)
    return [np.round(column, 3).tolist() for column in columns]


def test_acknowledged_events_are_there_after_a_restart(workspace):
    async def first(shop):
        user, others = some(shop)
        event = bought(user, others[0], 1, last_day(shop))
        assert (await shop.take([event], "once")).accepted == 1
        return user, event

    user, event = served(workspace, first)

    async def again(shop):
        assert [one.item for one in shop.live.events(user)] == [event["item"]]
        assert (await shop.take([event], "once")).accepted == 1  # the first reply
        assert (await shop.take([event], None)).duplicate == 1
        assert len(shop.live.events(user)) == 1

    served(workspace, again)


def test_strangers_get_what_newcomers_buy(workspace):
    async def questions(shop):
        first, second = [await shop.recommend(name, Asked()) for name in ("who?", "nobody")]
        assert not first.known
        assert items(first) == items(second) != []
        raw = await shop.recommend_raw([bought("x", items(first)[0], 1, last_day(shop))], Asked())
        odd = await shop.recommend_raw([{"user": "x"}], Asked(slots=3))
        return raw, odd, shop.live.customers

    raw, odd, customers = served(workspace, questions)
    assert raw.known
    assert items(raw)
    assert (odd.known, len(items(odd)), odd.left_out[0].verdict) == (False, 3, "quarantined")
    assert customers == 0


def test_rules_of_a_question(workspace):
    async def questions(shop):
        user, _ = some(shop)
        plain = items(await shop.recommend(user, Asked(slots=5)))
        asked = Asked(slots=5, exclude=[plain[0]], basket=[plain[1]], topics=["no such"])
        return plain, await shop.recommend(user, asked)

    plain, ruled = served(workspace, questions)
    assert not {plain[0], plain[1]} & set(items(ruled))
    assert ruled.notes == ["There is no topic 'no such'."]


def test_related_items_and_topics(workspace):
    async def questions(shop):
        _, others = some(shop)
        found = await shop.related(others[0], 5)
        topic = await shop.topic_forecast(shop.topics()[0])
        with pytest.raises(UnknownError, match="no item 'z'"):
            await shop.related("z", 5)
        with pytest.raises(UnknownError, match="no topic 'z'"):
            await shop.topic_forecast("z")
        return others[0], found, topic

    item, found, topic = served(workspace, questions)
    scores = [row.score for row in found.items]
    assert item not in [row.item for row in found.items]
    assert scores == sorted(scores, reverse=True)
    assert all(window.low <= window.volume <= window.high for window in topic.windows)


def test_without_a_release_lists_are_plain_and_say_so(workspace):
    shutil.rmtree(workspace.model_folder)
    shutil.rmtree(workspace.recommender_folder)

    async def questions(shop):
        user, _ = some(shop)
        with pytest.raises(UnreadyError):
            await shop.topic_forecast(shop.topics()[0])
        return await shop.recommend(user, Asked()), shop.health(), await shop.interests(user)

    reply, health, interests = served(workspace, questions)
    assert (reply.level, reply.degraded, reply.release) == ("popular", True, None)
    assert items(reply)
    assert "Nothing is fitted" in health.note
    assert interests.now
    assert not interests.forecast


def test_an_empty_store_takes_events_and_answers_later(workspace):
    shutil.rmtree(workspace.folder / "store")
    shutil.rmtree(workspace.folder / "releases", ignore_errors=True)

    async def questions(shop):
        with pytest.raises(UnreadyError):
            await shop.recommend("a", Asked())
        assert shop.health().status == "degraded"
        days = [datetime(2021, 1, 4) + timedelta(days=n) for n in range(20)]
        events = [bought("a", f"i{n}", n, day) for n, day in enumerate(days)]
        assert (await shop.take(events, None)).accepted == 20
        await shop.compaction.compact()
        await until(lambda: shop.live.bedrock is not None)
        return await shop.recommend("a", Asked())

    assert served(workspace, questions).known


def test_releases_are_swapped_without_a_failed_request(workspace):
    async def questions(shop):
        user, _ = some(shop)
        made = await asyncio.to_thread(releases.make_release, workspace)
        asking = True
        replies = []

        async def ask():
            while asking:
                replies.append(await shop.recommend(user, Asked()))
                await asyncio.sleep(0)

        readers = [asyncio.create_task(ask()) for _ in range(4)]
        await shop.promote(made.name)
        await until(lambda: shop.live.ground.release == made.name)
        (made.path / "recommender" / "arrays.safetensors").write_bytes(b"damaged")
        await asyncio.to_thread(releases.promote, workspace, "r0001")
        await until(lambda: shop.live.ground.release == "r0001")
        releases._point(workspace, ["r0001", made.name])
        await until(lambda: shop.health().status == "degraded")
        asking = False
        await asyncio.gather(*readers)
        return replies, made.name, await shop.recommend(user, Asked())

    replies, name, last = served(workspace, questions)
    assert {reply.release for reply in replies} == {"r0001", name}
    assert all(items(reply) for reply in replies)
    assert (last.release, last.degraded) == ("r0001", True)


def test_the_strangers_id_is_no_customers(workspace):
    async def questions(shop):
        return (await shop.recommend(STRANGER, Asked())).known

    assert served(workspace, questions) is False
