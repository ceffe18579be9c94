"""What Prometheus reads."""

import pytest
from cornershop import Client, serving
from prometheus_client.parser import text_string_to_metric_families

from penchant.serving.messages import Judged, Taken
from penchant.serving.metrics import MOST_REASONS, Metrics


def numbers(client):
    text = client.ask("GET", "/metrics").body.decode()
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def served(tmp_path):
    app, _, (token,), _ = serving(tmp_path)
    return Client(app, token)


def test_latency_is_told_by_template_and_status(served):
    for user in ("a", "b", "%FF"):
        served.ask("GET", f"/v1/users/{user}/recommendations")
    found = numbers(served)
    route = ("route", "/v1/users/{user}/recommendations")
    get = ("method", "GET")
    assert found["penchant_request_seconds_count", get, route, ("status", "200")] == 2
    for bound in ("0.005", "0.02"):
        bucket = ("penchant_request_seconds_bucket", ("le", bound), get, route, ("status", "200"))
        assert 0 <= found[bucket] <= 2
    assert ("penchant_request_seconds_count", get, ("route", "none"), ("status", "422")) in found
    assert not any("users/a" in str(key) for key in found)


def test_invented_methods_and_paths_make_no_series(served):
    for number in range(5):
        served.ask(f"BREW{number}", f"/nothing/{number}")
    series = [key for key in numbers(served) if key[0] == "penchant_request_seconds_count"]
    assert series == [
        (
            "penchant_request_seconds_count",
            ("method", "other"),
            ("route", "none"),
            ("status", "404"),
        )
    ]


def test_events_are_told_by_verdict_and_reason(served):
    event = {"user": "a", "item": "i01", "time": "2026-03-01"}
    served.ask("POST", "/v1/events", {"events": [event, event, event | {"time": ""}, 1]})
    found = numbers(served)
    verdicts = {
        key[1][1]: count for key, count in found.items() if key[0] == "penchant_events_total"
    }
    assert verdicts == {"accepted": 1, "duplicate": 1, "quarantined": 2}
    assert found["penchant_quarantined_total", ("reason", "no time")] == 1
    assert found["penchant_quarantined_total", ("reason", "malformed line")] == 1


def test_reasons_without_end_are_one():
    metrics = Metrics(lambda: None)
    judged = [Judged(verdict="quarantined", reason=f"row {n}") for n in range(MOST_REASONS * 2)]
    count = len(judged)
    metrics.took(Taken(sent=count, accepted=0, duplicate=0, quarantined=count, events=judged))
    lines = [line for line in metrics.text().splitlines() if b"quarantined_total{" in line]
    assert len(lines) == MOST_REASONS + 1
    assert b'penchant_quarantined_total{reason="other"} 50.0' in lines


def test_how_the_shop_stands(served):
    found = numbers(served)
    assert found["penchant_freshness_seconds",] == 0.25
    assert found["penchant_journal_pending_bytes",] == 17
    assert found["penchant_requests_in_flight",] == 1  # the one that asks
    assert found["penchant_release", ("release", "r0001")] == 1
