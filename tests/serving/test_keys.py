"""Keys: kept as hashes, scoped, rotated, revoked, and what a server without them may do."""

import json
import os
from datetime import timedelta

import pytest
from cornershop import Client, serving

from penchant.errors import ConflictError, DataError, UnknownError
from penchant.serving import gate as gates
from penchant.serving.gate import Gate, Tenant, is_loopback
from penchant.serving.keys import KeyFile


@pytest.fixture
def keys(tmp_path):
    return KeyFile(tmp_path / "shop")


@pytest.fixture
def looking(monkeypatch):
    """Servers look at their key files at every request."""
    monkeypatch.setattr(gates, "LOOK", 0.0)


class TestFile:
    def test_it_holds_no_key(self, keys):
        key, token = keys.add("till", ["ingest"])
        text = keys.path.read_text()
        assert token.split("_", 2)[2] not in text
        assert json.loads(text)[0]["sha256"] == key.sha256
        assert keys.path.stat().st_mode & 0o777 == 0o600
        assert len(token) > 50
        assert key.fits(token)
        assert not key.fits(token[:-1])

    def test_two_of_a_name_are_refused(self, keys):
        keys.add("till", ["ingest"])
        with pytest.raises(ConflictError, match="a key 'till' already"):
            keys.add("till", ["read"])

    @pytest.mark.parametrize("scopes", [["reed"], []])
    def test_scopes_that_are_none(self, keys, scopes):
        with pytest.raises(UnknownError, match="scope"):
            keys.add("till", scopes)
        assert not keys.path.exists()

    def test_rotation_leaves_a_grace(self, keys):
        first, token = keys.add("till", ["read", "ingest"], days=30)
        second, other = keys.rotate("till", timedelta(hours=1))
        assert second.scopes == first.scopes == ("ingest", "read")
        old, new = keys.read()
        assert (old.fits(token), new.fits(other)) == (True, True)
        assert old.expires < first.expires
        assert new.expires - new.made == first.expires - first.made

    def test_a_second_rotation_doesnt_prolong_the_first(self, keys):
        keys.add("till", ["read"])
        keys.rotate("till", timedelta(hours=1))
        before = keys.read()[0].expires
        keys.rotate("till", timedelta(hours=9))
        assert keys.read()[0].expires == before
        keys.rotate("till", timedelta(0))
        assert [key.holds(before) for key in keys.read()] == [False, False, False, True]
        keys.rotate("till", timedelta(0))
        assert len(keys.read()) == 2  # those that expired are dropped

    def test_revoking_by_name_or_id(self, keys):
        first, _ = keys.add("till", ["read"])
        keys.rotate("till", timedelta(hours=1))
        assert keys.revoke(first.id) == 1
        assert keys.revoke("till") == 1
        with pytest.raises(UnknownError, match="penchant key add"):
            keys.revoke("till")

    def test_a_damaged_file_is_named(self, keys):
        keys.add("till", ["read"])
        keys.path.write_text('[{"name": "till"}]')
        with pytest.raises(DataError, match=r"keys\.json' are damaged"):
            keys.read()

    def test_a_refusal_changes_nothing(self, keys):
        keys.add("till", ["read"])
        before = keys.path.read_bytes()
        with pytest.raises(UnknownError, match="Did you mean 'till'"):
            keys.rotate("tilt", timedelta(0))
        assert keys.path.read_bytes() == before


class TestServer:
    def test_no_key_or_a_wrong_one(self, tmp_path):
        app, _, (token,), _ = serving(tmp_path)
        client = Client(app)
        reply = client.ask("GET", "/v1/topics")
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        wrong = [token[:-1] + "é", token.rpartition("_")[0], "x", "", "penchant_a_b"]
        for sent in [*(f"Bearer {key}" for key in wrong), f"Basic {token}", token, ""]:
            reply = client.ask("GET", "/v1/topics", authorization=sent)
            assert reply.status == 401
            assert "invalid_token" in reply.headers["www-authenticate"]
        assert client.ask("GET", "/v1/topics", authorization=f"bearer {token}").status == 200

    @pytest.mark.parametrize(
        ("scope", "allowed"),
        [("ingest", "/v1/events"), ("read", "/v1/topics"), ("admin", "/metrics")],
    )
    def test_a_scope_allows_its_own_only(self, tmp_path, looking, scope, allowed):
        app, (tenant,), _, _ = serving(tmp_path)
        client = Client(app, tenant.keys.add("one", [scope])[1])
        for needed, path in (
            ("ingest", "/v1/events"),
            ("read", "/v1/topics"),
            ("admin", "/metrics"),
        ):
            method, body = ("POST", {}) if needed == "ingest" else ("GET", None)
            reply = client.ask(method, path, body)
            assert reply.status == (200 if path == allowed else 403)
            if path != allowed:
                assert f"lacks the scope '{needed}'" in reply.json["detail"]
                assert f'scope="{needed}"' in reply.headers["www-authenticate"]

    def test_changed_keys_count_without_a_restart(self, tmp_path, looking):
        app, (tenant,), (token,), _ = serving(tmp_path)
        client = Client(app, token)
        _, other = tenant.keys.rotate("all", timedelta(hours=1))
        assert [client.ask("GET", "/v1/topics", key=key).status for key in (token, other)] == [
            *(200, 200)
        ]
        _, last = tenant.keys.rotate("all", timedelta(0))
        found = [client.ask("GET", "/v1/topics", key=key).status for key in (token, other, last)]
        assert found == [401, 401, 200]
        tenant.keys.revoke("all")
        assert client.ask("GET", "/v1/topics", key=last).status == 401

    def test_files_are_looked_at_once_a_second(self, tmp_path, monkeypatch):
        app, _, (token,), _ = serving(tmp_path)
        client, looks = Client(app, token), []
        monkeypatch.setattr(gates, "_stamp", lambda keys: looks.append(keys))
        for _ in range(50):
            client.ask("GET", "/v1/topics")
        assert len(looks) <= 1

    def test_a_file_damaged_later_leaves_the_keys_as_they_were(
        self, tmp_path, looking, caplog, monkeypatch
    ):
        monkeypatch.setattr(gates.logger, "disabled", False)  # as import-linter leaves loggers
        app, (tenant,), (token,), _ = serving(tmp_path)
        tenant.keys.path.write_text("[")
        assert Client(app, token).ask("GET", "/v1/topics").status == 200
        assert "its last ones stay" in caplog.text

    def test_without_keys_it_lets_everyone_in_until_there_is_one(self, tmp_path, looking):
        app, (tenant,), _, _ = serving(tmp_path, keys=False)
        client = Client(app)
        assert client.ask("GET", "/metrics").status == 200
        assert "security" not in client.ask("GET", "/openapi.json").json["paths"]["/metrics"]["get"]
        tenant.keys.add("till", ["read"])
        assert client.ask("GET", "/metrics").status == 401
        assert "security" in client.ask("GET", "/openapi.json").json["paths"]["/metrics"]["get"]
        tenant.keys.revoke("till")  # the last key's end opens nothing
        assert client.ask("GET", "/metrics").status == 401

    @pytest.mark.parametrize("host", ["shop.example", "10.0.0.1:8000", "localhost.example:80"])
    def test_without_keys_another_name_is_refused(self, tmp_path, host):
        app, *_ = serving(tmp_path, keys=False)
        assert Client(app).ask("GET", "/v1/topics", host=host).status == 403

    @pytest.mark.parametrize("origin", ["https://shop.example", "null", "http://127.0.0.1.example"])
    def test_without_keys_a_page_of_another_site_changes_nothing(self, tmp_path, origin):
        app, (tenant,), _, _ = serving(tmp_path, keys=False)
        client = Client(app)
        assert client.ask("POST", "/v1/models/r0002/promote", origin=origin).status == 403
        assert tenant.shop.promoted == ["r0001"]
        own = client.ask("POST", "/v1/models/r0002/promote", origin="http://localhost:3000")
        assert own.status == 200

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
    def test_this_machines_own_names(self, tmp_path, host):
        app, *_ = serving(tmp_path, keys=False)
        assert Client(app).ask("GET", "/v1/topics", host=host).status == 200

    def test_beyond_loopback_keys_are_needed(self, tmp_path, looking):
        with pytest.raises(DataError, match=r"no keys.*this machine only.*penchant key add"):
            serving(tmp_path, keys=False, loopback=False)
        app, (tenant,), (token,), _ = serving(tmp_path, loopback=False)
        assert Client(app, token).ask("GET", "/v1/topics").status == 200
        os.unlink(tenant.keys.path)
        assert Client(app).ask("GET", "/v1/topics").status == 401

    def test_several_shops_need_keys_of_their_own(self, tmp_path):
        with pytest.raises(DataError, match="a request's key says which"):
            serving(tmp_path, "a", "b", keys=False)
        first, second = KeyFile(tmp_path / "one"), KeyFile(tmp_path / "two")
        first.add("all", ["read"])
        second.path.parent.mkdir()
        second.path.write_bytes(first.path.read_bytes())
        with pytest.raises(DataError, match="same key"):
            Gate([Tenant("a", first), Tenant("b", second)], loopback=True)


def test_what_is_loopback():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))
