"""The server as a process: it starts, stops and refuses as an operator expects."""

import json
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest

from penchant.serving.head import MOST_BYTES
from penchant.serving.keys import KeyFile

DRIVER = Path(__file__).with_name("open_corner.py")


def start(*paths, port=0, host="127.0.0.1"):
    words = [sys.executable, DRIVER, str(port), host, *paths]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(*paths, **where):
    process = start(*paths, **where)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 2, told
    return told


class Running:
    """A server, the port it listens at and what it logged."""

    def __init__(self, process):
        self.process = process
        self.first = json.loads(process.stderr.readline())["message"]
        self.port = int(self.first.partition("port ")[2].partition(",")[0])
        while self.get("/readyz") != 200:
            time.sleep(0.02)

    def get(self, path, **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers=headers)
        reply = connection.getresponse()
        reply.read()
        connection.close()
        return reply.status

    def raw(self, *parts):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                return connection.recv(65536).decode("latin-1")
            except ConnectionError:  # refused while it was still sending
                return "cut off"

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        told = self.process.communicate(timeout=30)
        return self.process.returncode, *told


@pytest.fixture
def running(tmp_path):
    server = Running(start(tmp_path / "corner"))
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_asked_is_answered_before_it_stops(running, number):
    assert running.first.endswith(", without keys")
    found = []
    asking = Thread(target=lambda: found.append(running.get("/v1/users/a/interests")))
    asking.start()
    assert running.process.stdout.readline() == "asked\n"
    code, out, log = running.stop(number)
    asking.join()
    assert found == [200]
    assert (code, out) == (0, "closed corner\n")
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[-1]["route"] == "/v1/users/{user}/interests"


def test_odd_requests_are_refused_and_the_next_are_answered(running):
    head = b"GET /v1/users/%b/interests HTTP/1.1\r\nHost: localhost\r\n"
    assert " 400 " in running.raw(head % b"\xff" + b"\r\n").splitlines()[0]
    assert " 400 " in running.raw(b"nothing\r\n\r\n").splitlines()[0]
    assert " 422 " in running.raw(head % b"%FF" + b"\r\n").splitlines()[0]
    endless = running.raw(head % b"a", *[b"X: %b\r\n" % (b"x" * MOST_BYTES)] * 20)
    assert endless == "cut off" or "head of the request is too large" in endless
    chunk = b"%x\r\n%b\r\n" % (1 << 20, b" " * (1 << 20))
    post = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    reply = running.raw(post + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 5)
    assert reply == "cut off" or "application/problem+json" in reply
    assert reply == "cut off" or " 413 " in reply.splitlines()[0]
    assert running.get("/v1/topics") == 200


def test_several_shops(tmp_path):
    paths = [tmp_path / name for name in ("one", "two")]
    assert "a request's key says which" in refused(*paths)
    tokens = [KeyFile(path).add("all", ["read"])[1] for path in paths]
    server = Running(start(*paths))
    assert [server.get("/v1/topics", Authorization=f"Bearer {key}") for key in tokens] == [200, 200]
    assert server.get("/v1/topics") == 401
    assert server.stop()[:2] == (0, "closed one\nclosed two\n")


def test_two_shops_of_a_name(tmp_path):
    paths = [tmp_path / "one", tmp_path / "other" / "one"]
    assert "Two of the shops are named 'one'" in refused(*paths)


def test_beyond_this_machine_only_with_keys(tmp_path):
    path = tmp_path / "corner"
    assert "penchant key add" in refused(path, host="0.0.0.0")
    KeyFile(path).add("all", ["read"])
    server = Running(start(path, host="0.0.0.0"))
    assert server.get("/v1/topics") == 401
    assert server.stop()[0] == 0


def test_a_port_that_is_taken(tmp_path, running):
    told = refused(tmp_path / "two", port=running.port)
    assert "Address already in use. Choose another" in told


def test_an_address_that_is_none(tmp_path):
    assert "There is no address 'no.such.host'" in refused(tmp_path / "corner", host="no.such.host")


def test_a_shop_that_cant_be_opened_stops_it(tmp_path):
    paths = [tmp_path / name for name in ("one", "broken")]
    for path in paths:
        KeyFile(path).add("all", ["read"])
    process = start(*paths)
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "closed one\n")
    assert "Stopped: The store is damaged. Restore it." in told
