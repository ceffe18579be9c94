"""`penchant key` makes, lists, rotates and revokes keys; `penchant serve` refuses what it can't."""

import pytest

from commands import run, told


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "penchant.toml"
    path.write_text('name = "corner"\n')
    return path


def test_a_keys_life(config):
    made = told(
        "key", "add", "--name", "till", "--scope", "read", "--scope", "ingest", "-c", config
    )
    assert made["key"].startswith(f"penchant_{made['id']}_")
    assert made["scopes"] == "ingest, read"
    other = told("key", "rotate", "till", "--hours", "2", "-c", config)
    listed = told("key", "list", "-c", config)
    assert [one["id"] for one in listed] == [made["id"], other["id"]]
    assert (listed[0]["expires"] is None, listed[1]["expires"]) == (False, None)
    assert "key" not in listed[0]
    assert made["id"] in run("key", "list", "-c", config).output
    assert told("key", "revoke", "till", "-c", config) == {"revoked": 2}
    assert "There are no keys" in run("key", "list", "-c", config).output


def test_a_key_is_shown_once(config):
    shown = run("key", "add", "--name", "till", "--scope", "read", "--days", "30", "-c", config)
    token = shown.output.split()[0]
    assert "shown once" in shown.output
    assert token not in run("key", "list", "-c", config).output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "--name", "till", "--scope", "reed"), "Did you mean 'read'?"),
        (("rotate", "till"), "There is no key 'till'"),
        (("revoke", "till"), "There is no key 'till'"),
    ],
)
def test_what_is_refused(config, words, said):
    assert said in told("key", *words, "-c", config, code=2)["error"]


def test_serving_needs_settings(tmp_path):
    assert "penchant.toml" in told("serve", "-c", tmp_path / "penchant.toml", code=2)["error"]
