"""What a client meets: answers, problems, limits, pages."""

import json
from urllib.parse import quote

import pytest
from cornershop import RELEASES, Client, serving

from penchant.errors import ArtefactError, BusyError, PenchantError, UnreadyError
from penchant.serving import app, body
from penchant.serving.messages import Health
from penchant.serving.problems import TITLES
from penchant.serving.sheets import one_path
from penchant.sheets import SHEETS

EVENT = {"user": "Ü/1", "item": "i55", "time": "2026-03-02T10:00:00", "event": "e1"}


@pytest.fixture
def served(tmp_path):
    app, (tenant,), (token,), log = serving(tmp_path)
    client = Client(app, token)
    client.tenant, client.log = tenant, log
    return client


def refused(reply, status):
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["status"] == status
    assert reply.json["title"] == TITLES[status]
    assert len(reply.json["detail"]) > 10
    return reply


class TestAnswers:
    def test_events_change_the_next_list(self, served):
        before = served.ask("GET", "/v1/users/%C3%9C%2F1/recommendations").json
        assert not before["known"]
        assert before["items"][0]["item"] == "i01"
        taken = served.ask("POST", "/v1/events", EVENT).json
        assert (taken["accepted"], taken["events"][0]["event"]) == (1, "e1")
        after = served.ask("GET", "/v1/users/%C3%9C%2F1/recommendations").json
        assert (after["user"], after["known"], after["items"][0]["item"]) == ("Ü/1", True, "i55")
        held = served.ask("GET", "/v1/users/%C3%9C%2F1/interests").json["now"]
        assert [one["topic"] for one in held] == ["Coffee > Espresso"]

    def test_each_event_is_judged(self, served):
        spoilt = EVENT | {"event": "e2", "time": "yesterday"}
        taken = served.ask("POST", "/v1/events", {"events": [EVENT, EVENT, spoilt, 7]}).json
        assert taken["sent"] == taken["accepted"] + taken["duplicate"] + taken["quarantined"] == 4
        assert [one["verdict"] for one in taken["events"]] == [
            *("accepted", "duplicate", "quarantined", "quarantined")
        ]
        assert taken["events"][2]["reason"] == "unreadable time"

    def test_an_idempotency_key_gets_the_same_answer(self, served):
        key = {"idempotency_key": "5f0c"}
        first = served.ask("POST", "/v1/events", EVENT, **key)
        assert served.ask("POST", "/v1/events", EVENT, **key).body == first.body
        refused(served.ask("POST", "/v1/events", EVENT | {"item": "i01"}, **key), 409)
        refused(served.ask("POST", "/v1/events", EVENT, idempotency_key="a b"), 422)

    def test_rules_come_along(self, served):
        target = "/v1/users/C/recommendations"
        asked = {"slots": 2.0, "exclude": ["i01"], "topics": ["Tea > Green tea", "Teas"]}
        answer = served.ask("POST", target, asked).json
        assert [one["item"] for one in answer["items"]] == ["i68"]
        assert answer["notes"] == ["There is no topic 'Teas'."]
        assert len(served.ask("GET", f"{target}?slots=3").json["items"]) == 3

    def test_a_raw_history_is_answered_and_not_kept(self, served):
        answer = served.ask("POST", "/v1/recommendations", {"events": [EVENT, {}]}).json
        assert answer["items"][0]["item"] == "i55"
        assert [one["reason"] for one in answer["left_out"]] == ["no user"]
        assert not served.tenant.shop.bought

    def test_names_hold_slashes_and_arrows(self, served):
        for topic in ("Bread%2FRolls", "Tea%20%3E%20Green%20tea"):
            assert served.ask("GET", f"/v1/topics/{topic}/forecast").status == 200
        refused(served.ask("GET", "/v1/topics/Bread/Rolls/forecast"), 404)
        assert served.ask("GET", "/v1/items/i01/related?slots=2").json["items"][1]["item"] == "i55"

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_hold_everything_once(self, served, limit):
        found, cursor = [], ""
        while cursor is not None:
            page = served.ask("GET", f"/v1/topics?limit={limit}{cursor}").json
            found += page["topics"]
            cursor = page["next"] and f"&cursor={page['next']}"
        assert found == ["Bread/Rolls", "Coffee > Espresso", "Tea > Green tea"]

    def test_a_page_goes_on_when_its_last_name_went(self, served, monkeypatch):
        after = served.ask("GET", "/v1/topics?limit=2").json["next"]
        monkeypatch.setattr(served.tenant.shop, "topics", lambda: ["Bread/Rolls", "Tea > Green"])
        assert served.ask("GET", f"/v1/topics?cursor={after}").json["topics"] == ["Tea > Green"]

    def test_releases_are_promoted_and_rolled_back(self, served):
        assert served.ask("POST", f"/v1/models/{RELEASES[1]}/promote").json["serving"]
        page = served.ask("GET", "/v1/models").json
        assert [one["serving"] for one in page["releases"]] == [False, True]
        assert served.ask("POST", "/v1/models/rollback").json["name"] == RELEASES[0]
        refused(served.ask("POST", "/v1/models/rollback"), 404)
        refused(served.ask("POST", "/v1/models/none/promote"), 404)

    def test_health(self, served):
        assert served.ask("GET", "/healthz").json["status"] == "ok"
        served.tenant.shop.health_now = Health(status="degraded", note="the model is damaged")
        assert served.ask("GET", "/readyz").json == {"status": "degraded", "note": None}
        served.tenant.shop.health_now = Health(status="starting")
        refused(served.ask("GET", "/readyz"), 503)

    def test_head_is_get_without_a_body(self, served):
        reply = served.ask("HEAD", "/healthz")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["content-length"] == str(len(served.ask("GET", "/healthz").body))


class TestProblems:
    @pytest.mark.parametrize("path", ["/", "/v1", "/v1/users//interests", "/v1/topics/", "//", ""])
    def test_nothing_there(self, served, path):
        refused(served.ask("GET", path), 404)

    def test_a_method_that_is_none(self, served):
        reply = refused(served.ask("PUT", "/v1/users/C/recommendations"), 405)
        assert reply.headers["allow"] == "GET, HEAD, POST"

    def test_names_that_are_none(self, served):
        refused(served.ask("GET", "/v1/users/%FF/interests"), 422)
        refused(served.ask("GET", f"/v1/users/{'x' * 513}/interests"), 422)
        refused(served.ask("GET", "/v1/items/none/related"), 404)

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("slots=0", "1 to 100"),
            ("slots=%2B5", "1 to 100"),
            ("slots=1&slots=2", "twice"),
            ("slot=1", "Did you mean 'slots'?"),
            ("slots=%FF", "read"),
            ("a=" * 3000, "characters"),
        ],
    )
    def test_a_query_that_is_none(self, served, query, said):
        reply = served.ask("GET", f"/v1/users/C/recommendations?{query}")
        assert said in refused(reply, 422).json["detail"]

    def test_a_cursor_that_is_none(self, served):
        refused(served.ask("GET", "/v1/topics?cursor=%3F"), 422)
        refused(served.ask("GET", "/v1/topics?cursor=abcde"), 422)

    @pytest.mark.parametrize(
        "sent", [b"", b"{", b"nothing", b'"\xff"', b"[" * 100_000, b"NaN", b'{"a":"\\ud800"}']
    )
    @pytest.mark.parametrize("path", ["/v1/events", "/v1/recommendations"])
    def test_a_body_that_is_no_json(self, served, path, sent):
        reply = served.ask("POST", path, sent)
        assert refused(reply, reply.status).status in (400, 422)

    @pytest.mark.parametrize(
        ("sent", "place"),
        [({"slots": 0}, "$.slots"), ({"slot": 1}, "slot"), ({"basket": [""]}, "$.basket[0]")],
    )
    def test_a_body_that_doesnt_fit_says_where(self, served, sent, place):
        reply = refused(served.ask("POST", "/v1/users/C/recommendations", sent), 422)
        assert place in reply.json["errors"][0]

    @pytest.mark.parametrize(
        "sent", [{"events": 3}, {"events": []}, {"events": [], "more": 1}, [EVENT], 3]
    )
    def test_events_that_are_none(self, served, sent):
        refused(served.ask("POST", "/v1/events", sent), 422)

    def test_too_many_events(self, served):
        refused(served.ask("POST", "/v1/events", {"events": [0] * 10_001}), 422)

    @pytest.mark.parametrize("kind", ["text/plain", "", "application/jsonp"])
    def test_a_type_that_isnt_read(self, served, kind):
        refused(served.ask("POST", "/v1/events", EVENT, content_type=kind), 415)

    def test_a_coding_that_isnt_read(self, served):
        reply = served.ask("POST", "/v1/events", EVENT, content_encoding="gzip")
        assert refused(reply, 415).headers["accept-encoding"] == "identity"

    def test_a_type_that_isnt_written(self, served):
        refused(served.ask("GET", "/v1/topics", accept="text/csv"), 406)
        for accepted in ("*/*", "application/*", "text/html, application/json;q=0.9"):
            assert served.ask("GET", "/v1/topics", accept=accepted).status == 200

    def test_what_the_shop_refuses(self, served):
        for error, status in (
            (PenchantError("The settings forbid it. Ask something else."), 422),
            (ArtefactError("The release 'r0001' is damaged. Promote another."), 409),
            (BusyError("The journal is behind. Send it again.", 2.2), 429),
            (UnreadyError("Nothing is ingested yet. Run `penchant ingest`."), 503),
        ):
            served.tenant.shop.fails = error
            reply = refused(served.ask("POST", "/v1/events", EVENT), status)
            assert reply.json["detail"] == str(error)
            assert reply.headers.get("retry-after") == {429: "3", 503: "1"}.get(status)

    def test_a_shop_that_is_being_opened(self, served):
        served.tenant.shop = None
        for path in ("/v1/topics", "/readyz"):
            assert refused(served.ask("GET", path), 503).headers["retry-after"] == "2"
        assert served.ask("GET", "/healthz").status == 200
        assert served.ask("GET", "/metrics").status == 200

    def test_a_fault_is_told_by_its_number_only(self, served, caplog, monkeypatch):
        monkeypatch.setattr(app.logger, "disabled", False)  # as import-linter leaves loggers
        served.tenant.shop.fails = KeyError("secret")
        reply = refused(served.ask("POST", "/v1/events", EVENT, x_request_id="abc"), 500)
        assert "abc" in reply.json["detail"]
        assert b"secret" not in reply.body
        assert "secret" in caplog.text


class TestBodies:
    def parts(self, *sizes):
        last = len(sizes) - 1
        return [
            {"type": "http.request", "body": b" " * size, "more_body": place < last}
            for place, size in enumerate(sizes)
        ]

    def test_one_that_says_it_is_too_large_is_not_read(self, served):
        parts = self.parts(10)
        length = {"content_length": body.MOST_BYTES + 1}
        reply = served.ask("POST", "/v1/events", b"", parts=parts, **length)
        assert refused(reply, 413).headers["connection"] == "close"
        assert len(parts) == 1
        refused(served.ask("POST", "/v1/events", b"", parts=parts, content_length="9" * 6000), 413)

    def test_one_that_grows_is_cut_off(self, served):
        parts = self.parts(*[1 << 20] * 8)
        refused(served.ask("POST", "/v1/events", b"", parts=parts), 413)
        assert len(parts) == 3
        assert served.tenant.bodies.held == 0

    def test_many_at_once_are_told_to_wait(self, served):
        served.tenant.bodies.held = body.MOST_AT_ONCE
        reply = refused(served.ask("POST", "/v1/events", EVENT), 429)
        assert reply.headers["retry-after"] == "1"
        assert served.tenant.bodies.held == body.MOST_AT_ONCE

    def test_one_that_never_comes(self, served, monkeypatch):
        monkeypatch.setattr(body, "SLOWEST", 0.01)

        async def forever(self, sent, receive):
            await served.loop.create_future()

        monkeypatch.setattr(body.BodyReader, "_part", forever)
        refused(served.ask("POST", "/v1/events", EVENT), 408)

    def test_whoever_went_away_is_not_answered(self, served):
        gone = [{"type": "http.disconnect"}]
        assert served.ask("POST", "/v1/events", b"", parts=gone) is None
        assert served.tenant.metrics.in_flight == served.tenant.bodies.held == 0


class TestLog:
    def lines(self, served):
        served.app._log.flush()
        return [json.loads(line) for line in served.log.getvalue().splitlines()]

    def test_a_request_is_a_line_that_names_no_customer(self, served):
        served.ask("GET", "/v1/users/Bertha/recommendations?slots=3", x_request_id="a-1")
        served.ask("POST", "/v1/events", EVENT)
        first, second = self.lines(served)
        assert first["id"] == "a-1"
        assert first["route"] == "/v1/users/{user}/recommendations"
        assert (first["status"], first["shop"], first["key"]) == (200, "corner", "all")
        assert first["ms"] > 0
        assert second["method"] == "POST"
        text = served.log.getvalue()
        assert b"Bertha" not in text
        assert served.key.encode() not in text
        assert b"i55" not in text

    @pytest.mark.parametrize("sent", ["", "a b", "x" * 101, "\n"])
    def test_an_id_that_is_none_is_replaced(self, served, sent):
        made = served.ask("GET", "/healthz", x_request_id=sent).headers["x-request-id"]
        assert len(made) == 16

    def test_requests_can_be_left_out(self, tmp_path):
        app, _, (token,), log = serving(tmp_path, requests=False)
        Client(app, token).ask("GET", "/v1/topics")
        app._log.flush()
        assert log.getvalue() == b""


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_what_was_decided_is_told_whole_and_of_one(served, sheet):
    key = str(sheet.example[sheet.key])
    whole = served.ask("GET", f"/v1/{sheet.name}?limit=1")
    path = one_path(sheet).replace("{" + sheet.key + "}", quote(key, safe=""))
    part = served.ask("GET", path)
    for reply in (whole, part):
        assert reply.status == 200
        assert reply.json["rows"][0][sheet.key] == key
        assert reply.json["notes"] == ["no values"]
        assert reply.json["next"] is None
    strange = served.ask("GET", path.replace(quote(key, safe=""), "nobody"))
    assert strange.status == 404
