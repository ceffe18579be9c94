"""A forecast's shares, tables, totals and intervals follow from its chances and volumes."""

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest import counts
from penchant.interest.forecast import FORECAST_SCHEMA, Forecast, write_forecasts
from penchant.interest.task import Window

WINDOWS = (Window(0, 4), Window(4, 12))
EXCESS = 1.5


def random_forecast(users=7, topics=5, *, topic_shock=0.0, user_shock=0.0, seed=0) -> Forecast:
    """Every cell is a negative binomial with the excess `EXCESS`."""
    rng = np.random.default_rng(seed)
    volume_UTW = rng.gamma(0.7, 1.0, size=(users, topics, 2)).astype(np.float32)
    return Forecast(
        users_U=np.array([f"u{i}" for i in range(users)]),
        topics_T=np.array([f"t{i}" for i in range(topics)]),
        windows_W=WINDOWS,
        step=Step.WEEK,
        origin=Step.WEEK.index_of(date(2021, 3, 1)),
        chance_UTW=counts.chance_of(volume_UTW, EXCESS).astype(np.float32),
        volume_UTW=volume_UTW,
        topic_shock_W=np.full(2, topic_shock, np.float32),
        user_shock_W=np.full(2, user_shock, np.float32),
    )


def test_shares_sum_to_one_and_follow_volumes():
    forecast = random_forecast()
    share_UTW = forecast.share()
    np.testing.assert_allclose(share_UTW.sum(axis=1), 1, atol=1e-6)
    ratio = forecast.volume_UTW[0, 0] / forecast.volume_UTW[0, 1]
    np.testing.assert_allclose(share_UTW[0, 0] / share_UTW[0, 1], ratio, rtol=1e-5)


def test_a_user_of_whom_nothing_is_expected_has_even_shares():
    forecast = random_forecast()
    none_UTW = forecast.volume_UTW * np.array([0] + [1] * 6, np.float32)[:, None, None]
    forecast = replace(forecast, volume_UTW=none_UTW, chance_UTW=np.zeros_like(none_UTW))
    np.testing.assert_allclose(forecast.share()[0], 0.2)


def test_the_table_holds_every_cell_once():
    forecast = random_forecast()
    table = forecast.to_table()
    assert table.schema == FORECAST_SCHEMA
    assert len(table) == 7 * 5 * 2
    cells = {(row[c.USER], row[c.TOPIC], row[c.WINDOW]): row for row in table.to_pylist()}
    assert len(cells) == len(table)
    for u, t, w in ((0, 0, 0), (3, 2, 1), (6, 4, 1)):
        row = cells[f"u{u}", f"t{t}", WINDOWS[w].name]
        assert row[c.CHANCE] == pytest.approx(forecast.chance_UTW[u, t, w])
        assert row[c.VOLUME] == pytest.approx(forecast.volume_UTW[u, t, w])
        assert row[c.SHARE] == pytest.approx(forecast.share()[u, t, w])
        low, high = forecast.interval(0.8)
        assert (row[c.LOW], row[c.HIGH]) == (low[u, t, w], high[u, t, w])


def test_the_table_dates_its_windows():
    dates = {(r[c.WINDOW], r[c.START], r[c.END]) for r in random_forecast().to_table().to_pylist()}
    assert dates == {
        ("1-4", date(2021, 3, 1), date(2021, 3, 29)),
        ("5-12", date(2021, 3, 29), date(2021, 5, 24)),
    }


def test_a_table_can_be_read_back_into_arrays():
    forecast = random_forecast()
    frame = forecast.to_table().to_pandas()
    for column, array in ((c.CHANCE, forecast.chance_UTW), (c.VOLUME, forecast.volume_UTW)):
        wide = frame.pivot_table(index=c.USER, columns=[c.TOPIC, c.WINDOW], values=column)
        np.testing.assert_array_equal(wide.to_numpy().reshape(7, 5, 2), array)


def test_the_top_are_the_likeliest_first():
    forecast = random_forecast()
    rows = forecast.top(3).to_pylist()
    assert len(rows) == 7 * 2 * 3
    for u in range(7):
        for w, window in enumerate(WINDOWS):
            mine = [r for r in rows if r[c.USER] == f"u{u}" and r[c.WINDOW] == window.name]
            chances = [row[c.CHANCE] for row in mine]
            assert chances == sorted(forecast.chance_UTW[u, :, w].tolist(), reverse=True)[:3]
    assert len(forecast.top(99)) == 7 * 5 * 2


def test_equal_chances_are_ranked_by_topic():
    forecast = random_forecast()
    even_UTW = np.full_like(forecast.chance_UTW, 0.3)
    forecast = replace(forecast, chance_UTW=even_UTW, volume_UTW=even_UTW + 1)
    assert forecast.top(2)[c.TOPIC].to_pylist()[:2] == ["t0", "t1"]


@pytest.mark.parametrize("size", [1, 3, 50])
def test_streamed_blocks_make_the_same_table(size, tmp_path):
    forecast = random_forecast()
    blocks = [forecast.only(np.arange(at, min(at + size, 7))) for at in range(0, 7, size)]
    path = tmp_path / "new folder" / "forecast.parquet"
    assert write_forecasts(blocks, path) == 70
    assert pq.read_table(path).equals(forecast.to_table())
    assert [file.name for file in path.parent.iterdir()] == ["forecast.parquet"]


def test_a_stream_that_breaks_leaves_no_table(tmp_path):
    def broken():
        yield random_forecast()
        raise HistoryError("no such luck")

    path = tmp_path / "forecast.parquet"
    with pytest.raises(HistoryError, match="no such luck"):
        write_forecasts(broken(), path)
    assert not path.exists()


def test_only_keeps_users_in_the_order_asked():
    some = random_forecast().only(np.array([4, 1]))
    assert some.users_U.tolist() == ["u4", "u1"]
    np.testing.assert_array_equal(some.chance_UTW, random_forecast().chance_UTW[[4, 1]])


def test_without_a_shock_the_variance_of_a_total_is_the_sum_of_its_cells():
    forecast = random_forecast()
    for over, axis in (("users", 0), ("topics", 1)):
        total = forecast.total(over)
        mean = forecast.volume_UTW.sum(axis=axis)
        np.testing.assert_allclose(total.mean, mean, rtol=1e-5)
        np.testing.assert_allclose(total.deviation**2, mean * (1 + EXCESS), rtol=1e-2)
        np.testing.assert_allclose(total.excess, EXCESS, rtol=1e-2)


def test_a_shock_adds_its_share_of_the_mean_to_the_deviation():
    calm, shaken = random_forecast(), random_forecast(topic_shock=0.3, user_shock=0.2)
    for over, shock in (("users", 0.3), ("topics", 0.2)):
        before, after = calm.total(over), shaken.total(over)
        added = after.deviation**2 - before.deviation**2
        np.testing.assert_allclose(added, (shock * before.mean) ** 2, rtol=1e-5)


def test_intervals_of_totals_hold_what_they_say():
    """Against sums of simulated cells, which no formula of ours had a hand in."""
    forecast = random_forecast(users=40)
    rng = np.random.default_rng(1)
    shape_UTW = forecast.volume_UTW / EXCESS
    drawn = rng.negative_binomial(shape_UTW, 1 / (1 + EXCESS), size=(2000, *shape_UTW.shape))
    for over, axis in (("users", 1), ("topics", 2)):
        low, high = forecast.total(over).interval(0.8)
        sums = drawn.sum(axis=axis)
        inside = ((sums >= low) & (sums <= high)).mean()
        edges = ((sums == low) | (sums == high)).mean()
        assert inside - edges - 0.02 < 0.8 < inside + 0.02


def test_quantiles_are_those_of_the_cells_distribution():
    forecast = random_forecast()
    shape_UTW = forecast.volume_UTW.astype(float) / EXCESS
    for q in (0.1, 0.5, 0.9, 0.99):
        expected = stats.nbinom(shape_UTW, 1 / (1 + EXCESS)).ppf(q)
        assert (forecast.quantile(q) == expected).mean() > 0.98  # chances are float32
    low, high = forecast.interval(0.5)
    assert (low <= high).all()


@pytest.mark.parametrize("part", ["chance_UTW", "volume_UTW"])
def test_wrong_shapes_and_numbers_are_refused(part):
    forecast = random_forecast()
    array = getattr(forecast, part)
    with pytest.raises(HistoryError, match=rf"{part} must have the shape \(7, 5, 2\)"):
        replace(forecast, **{part: array[:, :-1]})
    for wrong in (np.nan, np.inf, -0.1):
        spoilt = array.copy()
        spoilt[1, 2, 0] = wrong
        with pytest.raises(HistoryError, match=f"{part} must be finite and at least 0"):
            replace(forecast, **{part: spoilt})


def test_a_chance_above_one_is_refused():
    forecast = random_forecast()
    with pytest.raises(HistoryError, match="at most 1"):
        replace(forecast, chance_UTW=forecast.chance_UTW + 1)
