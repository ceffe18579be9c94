"""Whatever is sent, the server is not at fault."""

import json

import pytest
from cornershop import Client, serving
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penchant.serving.problems import PROBLEM_TYPE
from penchant.serving.routes import ROUTES

NAMES = ["events", "slots", "user", "item", "time", "basket", "topics", "least_price"]
HEADERS = ["authorization", "content_type", "content_encoding", "content_length", "accept"]
HEADERS += ["host", "origin", "idempotency_key", "x_request_id"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text()
            | st.sampled_from(["events", "slots", "user", "item", "time", "basket", "topics"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
BODIES = JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60)
PATHS = [route.path for route in ROUTES if route.body is not None]


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app, _, (token,), _ = serving(tmp_path_factory.mktemp("any"))
    return Client(app, token)


def check(reply):
    assert 200 <= reply.status < 500, reply.body
    if reply.status >= 400:
        assert reply.headers["content-type"] == PROBLEM_TYPE.decode()
        assert not reply.body or reply.json["status"] == reply.status


@settings(max_examples=500)
@given(path=st.sampled_from(PATHS), body=BODIES)
@example(path=PATHS[0], body=b'{"events":[1e400]}')
@example(path=PATHS[0], body=b"1" * 5000)
@example(path=PATHS[1], body=b'{"slots":1e300}')
def test_no_body_is_a_fault_of_the_server(client, path, body):
    check(client.ask("POST", path.replace("{user}", "C"), body))


@settings(max_examples=500)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "BREW"]),
    path=st.sampled_from([route.path for route in ROUTES]) | st.just("/v1/models/{x}/{x}/{x}"),
    value=st.binary(max_size=20) | st.text().map(str.encode),
    query=st.binary(max_size=30) | st.sampled_from([b"slots=5", b"limit=1&cursor=QQ", b"limit=%"]),
)
def test_no_path_is_a_fault_of_the_server(client, method, path, value, query):
    sent = "".join(f"%{byte:02X}" for byte in value)
    for part in ("{user}", "{item}", "{topic}", "{release}", "{x}"):
        path = path.replace(part, sent)
    check(client.ask(method, f"{path}?{query.decode('latin-1')}"))


@settings(max_examples=300)
@given(headers=st.dictionaries(st.sampled_from(HEADERS), st.text(max_size=12)))
def test_no_header_is_a_fault_of_the_server(client, headers):
    check(client.ask("POST", "/v1/events", b"{}", **headers))
