"""Two shops behind one application: what is done with one's key never shows with the other's."""

import json

from cornershop import CATALOG, RELEASES, Client, serving
from hypothesis import given, settings
from hypothesis import strategies as st

USERS, ITEMS = st.sampled_from(["a", "b"]), st.sampled_from(sorted(CATALOG))
EVENTS = st.builds(
    lambda user, item, day, name: {
        "user": user,
        "item": item,
        "time": f"2026-03-0{day}",
        "event": name,
    },
    USERS,
    ITEMS,
    st.integers(1, 3),
    st.sampled_from(["e1", "e2", "e3"]),
)
GETS = ["/v1/models", "/v1/topics?limit=1", "/readyz", "/none", "/v1/items/x/related"]
GETS += [f"/v1/users/{user}/{what}" for user in "ab" for what in ("recommendations", "interests")]
POSTS = [*(f"/v1/models/{name}/promote" for name in RELEASES), "/v1/models/rollback"]
SENT = (
    EVENTS
    | st.fixed_dictionaries({"events": st.lists(EVENTS, min_size=1, max_size=3)})
    | st.just(b"{")
)
ASKED = st.one_of(
    st.tuples(st.just("POST"), st.just("/v1/events"), SENT, st.sampled_from(["", "k1"])),
    st.tuples(st.just("GET"), st.sampled_from(GETS), st.none(), st.just("")),
    st.tuples(st.just("POST"), st.sampled_from(POSTS), st.none(), st.just("")),
)
TIMED = ("_bucket", "_sum", "_created")  # tell for how long something took


def ask(client, request, number):
    method, path, body, key = request
    again = {"idempotency_key": key} if key else {}
    return client.ask(method, path, body, x_request_id=f"r{number}", **again).whole


def counted(client):
    """The numbers of a shop, but for how long anything took."""
    lines = client.ask("GET", "/metrics").body.decode().splitlines()
    return [line for line in lines if not any(word in line for word in TIMED)]


@settings(max_examples=120)
@given(mine=st.lists(ASKED, max_size=8), theirs=st.lists(ASKED, max_size=8), data=st.data())
def test_a_key_sees_nothing_of_another_shop(tmp_path_factory, mine, theirs, data):
    order = data.draw(st.permutations([True] * len(mine) + [False] * len(theirs)))
    alone, _, (token, _), _ = serving(tmp_path_factory.mktemp("alone"), "A", "B")
    shared, _, tokens, _ = serving(tmp_path_factory.mktemp("shared"), "A", "B")
    own, other = (Client(shared, token) for token in tokens)
    by_itself = Client(alone, token)
    expected = [ask(by_itself, request, number) for number, request in enumerate(mine)]
    left, rest, found = iter(mine), iter(theirs), []
    for is_mine in order:
        if is_mine:
            found.append(ask(own, next(left), len(found)))
        else:
            ask(other, next(rest), 0)
    assert found == expected
    assert counted(own) == counted(by_itself)


def test_no_answer_names_another_shop(tmp_path):
    app, tenants, (mine, theirs), log = serving(tmp_path, "A", "B")
    event = {"user": "secret", "item": "i01", "time": "2026-03-01"}
    Client(app, theirs).ask("POST", "/v1/events", event)
    client = Client(app, mine)
    assert not client.ask("GET", "/v1/users/secret/interests").json["known"]
    assert b'penchant_events_total{verdict="accepted"} 0.0' in client.ask("GET", "/metrics").body
    assert not tenants[0].shop.bought
    Client(app).ask("GET", "/v1/topics")
    app._log.flush()
    shops = [json.loads(line).get("shop") for line in log.getvalue().splitlines()]
    assert shops == ["B", "A", "A", None]
