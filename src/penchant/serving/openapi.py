"""The API's description, OpenAPI 3.1: made from the table of routes and the messages."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from penchant import columns as c
from penchant.serving.examples import BODIES, EVENT, REPLIES, VALUES
from penchant.serving.messages import LONGEST_ID, Problem
from penchant.serving.problems import PROBLEM_TYPE, TITLES
from penchant.serving.route import JSON_TYPE, Route

COMPONENTS = "#/components/schemas/{name}"
JSON = JSON_TYPE.decode()
MEANING = {
    400: "The body is no JSON.",
    401: "There is no valid key.",
    403: "The key lacks the scope.",
    404: "There is nothing of this name.",
    406: "The answer is not of a type that is accepted.",
    408: "The body took too long.",
    409: "It can't be done as things stand.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "What was sent doesn't fit.",
    429: "Too much is asked at once; ask again after the seconds of Retry-After.",
    500: "A fault of the server's.",
    503: "The shop can't answer yet; ask again after the seconds of Retry-After.",
}
HEADERS = {401: "WWW-Authenticate", 403: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
ANY, KEYED, BODIED = (406, 422, 500), (401, 403, 429, 503), (400, 408, 413, 415)
ABOUT = (
    "What customers will want: events in, interests and recommendations out. Errors are problem "
    "details (RFC 9457). Every answer has an X-Request-ID, the request's own if it sent one. "
    "Names in paths are percent-encoded."
)
LINKS = {  # by operation: where one can go on from its answer, and by what value
    "takeEvents": (("recommend", "user", "$request.body#/user"),),
    "recommend": (("interests", "user", "$response.body#/user"),),
    "topics": (("topicForecast", "topic", "$response.body#/topics/0"),),
    "releases": (("promote", "release", "$response.body#/releases/0/name"),),
}
EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": (
        "One thing a customer did, with the columns of the shop's mapping or these. No value is "
        "refused here: an event that can't be used is in quarantine, with its reason."
    ),
    "properties": {
        c.EVENT: {"description": "The sender's own id; an event sent again is a duplicate."},
        c.USER: {"description": "Who."},
        c.ITEM: {"description": "What it is about; a search needs none."},
        c.TIME: {"description": "When, as ISO 8601 or since 1970; without a zone the shop's own."},
        c.KIND: {"description": "What was done; a purchase if nothing is said."},
        c.VALUE: {"description": "Money, for all units."},
        c.QUANTITY: {"description": "Units."},
        c.ORDER: {"description": "Basket, order or session."},
        c.QUERY: {"description": "What was searched for."},
        c.DWELL: {"description": "Seconds spent."},
    },
    "not": {"required": ["events"]},
    "examples": [EVENT],
}


def document(routes: Sequence[Route], *, keys: bool) -> dict[str, Any]:
    """Describe routes, as a server with keys or without answers them."""
    messages = [
        message for route in routes for message in (route.body, route.reply) if message is not None
    ]
    _, schemas = msgspec.json.schema_components([*messages, Problem], ref_template=COMPONENTS)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, keys=keys)
    used = sorted({status for route in routes for status in _errors(route, keys=keys)})
    components: dict[str, Any] = {
        "schemas": {**schemas, "Event": EVENT_SCHEMA},
        "responses": {str(status): _refusal(status) for status in used},
    }
    if keys:
        components["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "A key of `penchant key add`. Its scopes are those it was made for.",
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "penchant", "version": version("penchant"), "description": ABOUT},
        "paths": paths,
        "components": components,
    }


def _operation(route: Route, *, keys: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {
            "200": _answer(route),
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in _errors(route, keys=keys)
            },
        },
    }
    if keys:
        described["security"] = [{"key": [route.scope]}] if route.scope else []
    if route.body is not None:
        schema: dict[str, Any] = {"$ref": COMPONENTS.format(name=route.body.__name__)}
        if route.once:  # one event may stand for a batch
            schema = {"anyOf": [schema, {"$ref": COMPONENTS.format(name="Event")}]}
        examples = {name: {"value": value} for name, value in BODIES[route.name].items()}
        described["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": schema, "examples": examples}},
        }
    return described


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if route.value is not None:
        found.append(
            {
                "name": route.value,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
                "example": VALUES[route.value],
            }
        )
    found += [
        {
            "name": parameter.name,
            "in": "query",
            "description": parameter.meaning,
            "schema": parameter.schema(),
        }
        for parameter in route.query
    ]
    if route.once:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Sent again with the same body, it gets the same answer.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
                "example": "5f0c9d3e-7d1b-4a52-9f0e-1b6f3c6f2a10",
            }
        )
    return found


def _answer(route: Route) -> dict[str, Any]:
    media: dict[str, Any] = {"schema": {"type": "string"}}
    if route.reply is not None:
        media = {
            "schema": {"$ref": COMPONENTS.format(name=route.reply.__name__)},
            "example": msgspec.to_builtins(REPLIES[route.name]),
        }
    elif route.kind == JSON_TYPE:
        media = {"schema": {"type": "object"}}
    kind = route.kind.decode().partition(";")[0]
    links = {
        operation: {"operationId": operation, "parameters": {name: value}}
        for operation, name, value in LINKS.get(route.name, ())
    }
    described = {"description": "Done.", "headers": _headers(), "content": {kind: media}}
    return {**described, "links": links} if links else described


def _errors(route: Route, *, keys: bool) -> list[int]:
    statuses = {*ANY, *route.errors}
    if route.scope is not None:
        statuses |= set(KEYED) if keys else set(KEYED) - {401}  # 403: of a page in a browser
    if route.body is not None:
        statuses |= set(BODIED)
    return sorted(statuses)


def _refusal(status: int) -> dict[str, Any]:
    example = Problem(title=TITLES[status], status=status, detail=MEANING[status])
    return {
        "description": MEANING[status],
        "headers": _headers(HEADERS.get(status)),
        "content": {
            PROBLEM_TYPE.decode(): {
                "schema": {"$ref": COMPONENTS.format(name="Problem")},
                "example": msgspec.to_builtins(example),
            }
        },
    }


def _headers(name: str | None = None) -> dict[str, Any]:
    names = ("X-Request-ID", name) if name else ("X-Request-ID",)
    return {known: {"required": True, "schema": {"type": "string"}} for known in names}
