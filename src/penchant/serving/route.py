"""Routes: a template, what it needs and who answers it; found by a path's parts."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from penchant.serving.gate import Gate, Tenant
from penchant.serving.keys import Scope
from penchant.serving.messages import LONGEST_ID
from penchant.serving.problems import ProblemError
from penchant.serving.protocol import Shop
from penchant.serving.query import Parameter

JSON_TYPE = b"application/json"
UNMATCHED = "none"  # the route of what has none


class Text(msgspec.Struct):
    """A reply that is written already."""

    content: bytes


class Call(msgspec.Struct):
    """A request as those who answer see it."""

    gate: Gate
    document: Callable[[bool], bytes]  # the API's description, for a server without keys or with
    tenant: Tenant | None = None  # none: the route is open to anyone
    value: str = ""  # that stands in the path, if one does
    values: tuple[Any, ...] = ()  # of the query
    body: bytearray | None = None
    key: str | None = None  # for idempotency

    @property
    def by(self) -> Tenant:
        """Whose shop is asked; a route with a scope has one."""
        assert self.tenant is not None
        return self.tenant

    @property
    def shop(self) -> Shop:
        """The shop that is asked; UnreadyError while it is being opened."""
        return self.by.opened()


Answer = Callable[[Call], Awaitable[msgspec.Struct | Text]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Route:
    """What can be asked."""

    method: str
    path: str  # with at most one {value}
    name: str  # of the operation
    summary: str
    answer: Answer
    scope: Scope | None  # none: anyone may
    reply: type[msgspec.Struct] | None = None  # none: it is no JSON
    kind: bytes = JSON_TYPE  # of the reply
    body: type[msgspec.Struct] | None = None
    query: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = ()  # beside those that any such route has
    once: bool = False  # takes an idempotency key

    @cached_property
    def defaults(self) -> tuple[Any, ...]:
        """Values of a query that says nothing."""
        return tuple(parameter.default for parameter in self.query)

    @property
    def value(self) -> str | None:
        """What the value in the path is called."""
        return self.path.partition("{")[2].partition("}")[0] or None


class Node:
    """A place in the tree of paths, and what can be done there."""

    def __init__(self) -> None:
        self.parts: dict[bytes, Node] = {}
        self.any: Node | None = None
        self.routes: dict[str, Route] = {}
        self.allow = b""


class Router:
    """The tree of paths."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._root = Node()
        for route in routes:
            node = self._root
            for part in route.path.encode().split(b"/")[1:]:
                if part.startswith(b"{"):
                    node.any = node.any or Node()
                    node = node.any
                else:
                    node = node.parts.setdefault(part, Node())
            node.routes[route.method] = route
            if route.method == "GET":
                node.routes["HEAD"] = route  # the server leaves the body out
            node.allow = ", ".join(sorted(node.routes)).encode()

    def find(self, method: str, path: bytes) -> tuple[Route, str]:
        """The route of a path as it was sent, and the value in it.

        Parts are told apart before they are decoded, so that a name may hold a slash. Raises
        ProblemError: 404, 405, 422 for a name that is none.
        """
        node, sent = self._root, b""
        for part in path.split(b"/")[1:]:
            below = node.parts.get(part)
            if below is None and part:
                below, sent = node.any, part
            if below is None:
                raise _nothing()
            node = below
        route = node.routes.get(method)
        if route is None:
            if not node.routes:
                raise _nothing()
            allowed = node.allow.decode()
            raise ProblemError(
                405, f"This takes {allowed}, not {method}.", headers=((b"allow", node.allow),)
            )
        return route, _decoded(sent) if sent else ""


def _nothing() -> ProblemError:
    return ProblemError(404, "There is nothing here. /openapi.json lists what there is.")


def _decoded(part: bytes) -> str:
    try:
        text = (unquote_to_bytes(part) if b"%" in part else part).decode()
    except UnicodeDecodeError:
        raise ProblemError(422, "The path is no UTF-8, percent-encoded.") from None
    if len(text) > LONGEST_ID:
        raise ProblemError(422, f"A name has at most {LONGEST_ID} characters, not {len(text):,}.")
    return text
