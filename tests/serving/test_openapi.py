"""The API's description: true of every answer, and nothing in it is left without an example."""

import subprocess
import sys
import threading
import time

import msgspec
import pytest
import uvicorn
from cornershop import Client, serving

from penchant.serving.examples import BODIES, EVENT, REPLIES
from penchant.serving.openapi import document
from penchant.serving.routes import ROUTES
from penchant.serving.server import listen, make_config


@pytest.fixture
def described(tmp_path):
    app, _, (token,), _ = serving(tmp_path)
    return Client(app, token).ask("GET", "/openapi.json").json


def test_every_request_and_reply_has_an_example(described):
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["examples"], where
            (media,) = operation["responses"]["200"]["content"].values()
            assert "example" in media or path in ("/metrics", "/openapi.json"), where
    for refusal in described["components"]["responses"].values():
        assert refusal["content"]["application/problem+json"]["example"]["detail"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_an_example_fits(route):
    if route.reply is not None:
        plain = msgspec.to_builtins(REPLIES[route.name])
        assert msgspec.convert(plain, route.reply) == REPLIES[route.name]
    for body in BODIES.get(route.name, {}).values():
        if body is not EVENT:  # which is any object
            msgspec.convert(body, route.body)


def test_every_route_needs_a_scope_or_says_that_it_needs_none(described):
    for route in ROUTES:
        told = described["paths"][route.path][route.method.lower()]["security"]
        assert told == ([{"key": [route.scope]}] if route.scope else [])
    assert {route.path for route in ROUTES if route.scope is None} == {
        *("/healthz", "/readyz", "/openapi.json")
    }
    assert "securitySchemes" not in document(ROUTES, keys=False)["components"]


def test_operations_have_names_of_their_own():
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)


def test_schemathesis_finds_nothing(tmp_path):
    app, _, (token,), _ = serving(tmp_path, requests=False)
    server = uvicorn.Server(make_config(app))
    with listen(2, ("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        command = [sys.executable, "-m", "schemathesis.cli", "run"]
        command += [f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--no-color"]
        command += ["--header", f"Authorization: Bearer {token}", "--max-examples", "25"]
        command += ["--generation-deterministic"]
        try:
            found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        finally:
            server.should_exit = True
            thread.join()
    assert found.returncode == 0, found.stdout + found.stderr
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in found.stdout, found.stdout
