import numpy as np

from penchant.interest.discovery import chances, rates


def test_scores_of_the_null_have_even_chances():
    rng = np.random.default_rng(0)
    size = rng.integers(5, 200, 2000)
    # Scores grow with size, as scans over more steps do; only scores of like size are comparable.
    score, twins = (np.log(size) + rng.exponential(size=2000) for _ in range(2))
    chance = chances(score, size, twins, size)
    for level in (0.01, 0.05, 0.2):
        assert abs((chance <= level).mean() - level) < 0.02


def test_a_score_past_all_twins_has_a_chance_of_its_own():
    rng = np.random.default_rng(0)
    twins = rng.exponential(size=1000)
    size = np.full(1000, 10)
    chance = chances(np.array([10.0, 20.0]), np.array([10, 10]), twins, size)
    assert 1e-6 < chance[0] < 1e-3
    assert chance[1] < chance[0]


def test_rates_are_benjamini_and_hochbergs():
    chance = np.array([0.01, 0.04, 0.03, 0.005, 0.55])
    np.testing.assert_allclose(rates(chance), [0.025, 0.05, 0.05, 0.025, 0.55])


def test_false_discoveries_stay_below_the_rate():
    rng = np.random.default_rng(1)
    shares = []
    for _ in range(200):
        chance = np.concatenate([rng.random(900), rng.random(100) * 1e-4])
        called = rates(chance) <= 0.1
        shares.append(called[:900].sum() / max(1, called.sum()))
    assert np.mean(shares) <= 0.1
