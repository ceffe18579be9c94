"""`penchant recommend`: fits once, writes everyone's lists, answers a raw history."""

import shutil

import pyarrow.parquet as pq
import pytest

import ownshop
from commands import run, told


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The example's shop, ingested and recommended from."""
    return ownshop.ingested(tmp_path_factory.mktemp("recommending"))


@pytest.fixture(scope="module")
def facts(shop):
    return told("recommend", "-c", shop / "penchant.toml")


def test_everyone_gets_a_list_with_reasons(shop, facts):
    rows = pq.read_table(facts["path"]).to_pylist()
    assert len(rows) == facts["rows"]
    assert {row["slot"] for row in rows} == set(range(1, 11))
    assert all(row["reason"] and 0 < row["chance"] < 1 for row in rows)


def test_it_is_fitted_once(shop, facts):
    manifest = shop / ".penchant" / "recommender" / "manifest.json"
    before = manifest.stat().st_mtime_ns
    again = told("recommend", "-c", shop / "penchant.toml")
    assert manifest.stat().st_mtime_ns == before
    assert again == facts


def test_a_new_customers_raw_history_is_answered_and_not_kept(shop, facts):
    (shop / "new.csv").write_text(
        "line,customer,day,sku,amount\n"
        "n1,NEW,06/02/2021,i55,12.85\nn2,NEW,13/02/2021,i55,12.85\nn3,NEW,20/02/2021,i55,12.85\n"
    )
    asked = ("recommend", "--customer", "NEW", "--events", shop / "new.csv")
    found = told(*asked, "-c", shop / "penchant.toml")
    assert found["rows"] is None
    assert {row["user"] for row in found["lists"]} == {"NEW"}
    assert "i55" in [row["item"] for row in found["lists"]]
    result = run("recommend", "--customer", "NEW", "-c", shop / "penchant.toml")
    assert result.exit_code == 2
    assert "There is no customer 'NEW'" in result.stderr


def test_rules_of_the_settings_are_kept(shop, facts, tmp_path):
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    config = copy / "penchant.toml"
    plain = config.read_text()
    config.write_text(plain + "\n[recommend]\nslots = 3\n[recommend.rules]\nmost_per_topic = 1\n")
    rows = told("recommend", "-c", config)["lists"]
    lists = {
        user: [row["topic"] for row in rows if row["user"] == user]
        for user in {row["user"] for row in rows}
    }
    assert all(len(topics) == len(set(topics)) == 3 for topics in lists.values())
    config.write_text(plain + '\n[recommend.rules]\ntopics = ["teas"]\n')
    result = run("recommend", "-c", config)
    assert result.exit_code == 2
    assert "There is no topic 'teas'" in result.stderr


def wants(shop, tmp_path, text):
    """A copy of the shop that has more settings."""
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy)
    config = copy / "penchant.toml"
    config.write_text(config.read_text() + text)
    return config


NEW = "line,customer,day,sku,amount\n"


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ("n1,NEW,03/03/2021,i55,12.85\n", "i55"),  # a Wednesday: its week isn't complete
        ("n1,NEW,06/02/2021,nothing known,12.85\n", None),
    ],
)
def test_whoever_has_any_event_is_answered(shop, facts, tmp_path, rows, first):
    (tmp_path / "new.csv").write_text(NEW + rows)
    asked = ("recommend", "--events", tmp_path / "new.csv", "-c", shop / "penchant.toml")
    found = told(*asked)["lists"]
    assert {row["user"] for row in found} == {"NEW"}
    assert len(found) == 10
    if first:
        assert found[0]["item"] == first


def test_events_that_tell_nothing_are_refused_and_others_counted(shop, facts, tmp_path):
    path = tmp_path / "new.csv"
    asked = ("recommend", "--events", path, "-c", shop / "penchant.toml")
    path.write_text(NEW + "n1,NEW,yesterday,i55,12.85\n")
    assert "left out: 1 unreadable time" in told(*asked, code=2)["error"]
    path.write_text(NEW + "n1,NEW,yesterday,i55,12.85\nn2,NEW,06/02/2021,i55,12.85\n")
    assert told(*asked)["left_out"] == {"unreadable time": 1}
    assert "Left out of --events: 1 unreadable time" in run(*asked).stderr


@pytest.mark.parametrize("text", ["steps = 8", 'interest = "popularity"', 'sources = ["repeat"]'])
def test_a_recommender_fitted_by_other_settings_is_refused(shop, facts, tmp_path, text):
    config = wants(shop, tmp_path, f"\n[recommend]\n{text}\n")
    result = run("recommend", "-c", config)
    assert result.exit_code == 2
    assert "penchant recommend --refit" in result.stderr


def test_a_damaged_recommender_says_how_to_fit_it_again(shop, facts, tmp_path):
    config = wants(shop, tmp_path, "")
    (config.parent / ".penchant" / "recommender" / "model.json").write_text("{}")
    result = run("recommend", "-c", config)
    assert result.exit_code == 2
    assert "penchant recommend --refit" in result.stderr


def test_nothing_rests_where_nothing_was_shown(shop, facts, tmp_path):
    config = wants(shop, tmp_path, "\n[recommend.rules]\nmost_shown = 1\n")
    assert told("recommend", "-c", config)["lists"] == facts["lists"]


def test_the_settings_name_sources(tmp_path):
    ownshop.copied(tmp_path)
    config, orders = tmp_path / "penchant.toml", tmp_path / "orders.csv"
    orders.write_text("".join(orders.read_text().splitlines(keepends=True)[:1500]))
    names = '["repeat", "ease", "users", "sequence", "popular"]'
    config.write_text(config.read_text() + f"\n[recommend]\nsources = {names}\n")
    told("ingest", "-c", config)
    rows = told("recommend", "-c", config)["lists"]
    assert {row["source"] for row in rows} <= {"repeat", "ease", "users", "sequence", "popular"}
    again = told("recommend", "-c", config)["lists"]
    assert again == rows


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (
            'sources = ["sequense"]',
            "no source 'sequense' for [recommend] in penchant.toml. Did you",
        ),
        ("sources = []", "names at least one, and each once; found none"),
        ('sources = ["repeat", "repeat"]', "each once; found repeat, repeat"),
        ('sources = ["repeat"]\nencoder = "tiny"', "`encoder` serves the source 'content'"),
        ('segment = "age"', "--refit"),
    ],
)
def test_settings_that_nothing_can_keep_are_refused(shop, facts, tmp_path, text, match):
    config = wants(shop, tmp_path, f"\n[recommend]\n{text}\n")
    result = run("recommend", "-c", config)
    assert result.exit_code == 2
    assert match in result.stderr


def test_sequence_says_which_extra_it_needs(shop, facts, tmp_path, monkeypatch):
    config = wants(shop, tmp_path, '\n[recommend]\nsources = ["sequence"]\n')

    def missing(name):
        raise ModuleNotFoundError(f"No module named '{name}'", name="torch")

    monkeypatch.setattr("penchant.extras.import_module", missing)
    result = run("recommend", "--refit", "-c", config)
    assert result.exit_code == 2
    assert "'sequence' needs the package torch" in result.stderr
    assert "penchant[networks]" in result.stderr
