"""Uplift, its refutation, rankings, budgets and panels, on data whose truth is planted."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

from penchant.decisions.allocation import NOBODY, allocate
from penchant.decisions.panel import Panel, demeaned, panel_effects
from penchant.decisions.qini import Trialled, auuc_and_qini, pehe
from penchant.decisions.refutation import Before, refute
from penchant.decisions.uplift import Trial, Uplift
from penchant.errors import DataError, RecipeError, SettingsError

USERS = 1500


def planted(seed, targeting=0.0, hidden=0.0, gain=2.0):
    """Customers whose effect is `gain` where the first feature is high, and -1 elsewhere."""
    rng = np.random.default_rng(seed)
    feature_NF = rng.normal(size=(USERS, 4)).astype(np.float32)
    latent_N = rng.normal(size=USERS)
    odds_N = targeting * feature_NF[:, 1] + hidden * latent_N
    treated_N = rng.random(USERS) < 1 / (1 + np.exp(-odds_N))
    true_N = np.where(feature_NF[:, 0] > 0, gain, -1.0)
    usual_N = 5 + feature_NF[:, 1] + 2 * hidden * latent_N
    outcome_N = usual_N + true_N * treated_N + rng.normal(size=USERS)
    before = Before(feature_NF[:, 1:], usual_N + rng.normal(size=USERS))
    return Trial(feature_NF, treated_N, outcome_N), before, true_N


@pytest.mark.parametrize("learner", ["dr", "x"])
def test_uplift_finds_whom_treatment_helps_and_whom_it_harms(learner):
    trial, _, true_N = planted(1, targeting=0.7)
    found = Uplift(learner=learner, halves=8).fit(trial)
    effect_N, error_N = found.effect(trial.feature_NF)
    assert found.average == pytest.approx(true_N.mean(), abs=4 * found.error)
    assert pehe(effect_N, true_N) < 0.6 * true_N.std()
    assert (np.sign(effect_N) == np.sign(true_N)).mean() > 0.9
    assert (error_N > 0).all()


def test_where_all_are_alike_effects_are_pulled_to_the_average():
    trial, _, _ = planted(2, gain=-1.0)
    found = Uplift(halves=8).fit(trial)
    effect_N, _ = found.effect(trial.feature_NF)
    assert effect_N.std() < 0.35
    assert effect_N.mean() == pytest.approx(-1, abs=0.25)


def test_too_few_and_unknown_outcomes_are_refused():
    trial, _, _ = planted(1)
    with pytest.raises(DataError, match="at least 100 customers"):
        trial.where(np.arange(USERS) < 150)
    with pytest.raises(DataError, match="finite outcome"):
        Trial(trial.feature_NF, trial.treated_N, np.full(USERS, np.nan))
    with pytest.raises(RecipeError, match="no learner 'dx'"):
        Uplift(learner="dx")


def test_a_lot_passes_and_hidden_targeting_is_refused_for_the_window_before():
    lot = refute(*planted(3)[:2])
    assert lot.ok
    assert lot.dealt
    assert lot.reason == ""
    hidden = refute(*planted(3, targeting=0.5, hidden=0.6)[:2])
    assert not hidden.ok
    assert "though nothing had been sent yet" in hidden.reason
    assert hidden.before > 0.5
    unknown = refute(planted(3, targeting=1.0)[0], None)
    assert not unknown.ok
    assert "Nothing is known of the window before" in unknown.reason


def test_the_true_ranking_is_worth_most_and_its_reverse_least():
    trial, _, true_N = planted(4)
    asked = Trialled(trial.treated_N, trial.outcome_N, np.full(USERS, 0.5))
    scores = (true_N, np.random.default_rng(0).random(USERS), -true_N)
    qini = [auuc_and_qini(asked, score_N, draws=20)[1] for score_N in scores]
    assert qini[0].value > qini[1].value > qini[2].value
    assert qini[0].low > 0 > qini[2].high


def test_a_budget_is_spent_as_well_as_an_exact_plan_would():
    rng = np.random.default_rng(6)
    value_UO, cost_UO = rng.normal(1, 2, (40, 3)), rng.uniform(0.5, 3, (40, 3))
    found = allocate(value_UO, cost_UO, budget=20)
    each = np.kron(np.eye(40), np.ones(3))
    limits = [LinearConstraint(each, ub=1), LinearConstraint(cost_UO.ravel()[None], ub=20)]
    best = -milp(-value_UO.ravel(), constraints=limits, integrality=np.ones(120), bounds=(0, 1)).fun
    assert found.cost <= 20
    assert found.value >= 0.98 * best
    sent_U = np.flatnonzero(found.offer_U != NOBODY)
    assert (value_UO[sent_U, found.offer_U[sent_U]] > 0).all()
    assert (allocate(-np.abs(value_UO), cost_UO).offer_U == NOBODY).all()
    with pytest.raises(SettingsError, match="at least 0"):
        allocate(value_UO, cost_UO, budget=-1)


def test_a_panel_tells_an_effect_apart_from_what_sells_anyway():
    rng = np.random.default_rng(7)
    thing_N, step_N = (axis.ravel() for axis in np.indices((60, 40)))
    good_I, busy_S = rng.normal(size=60), rng.normal(size=40)
    # The best sellers are promoted more often, and so are busy steps.
    chance_N = 1 / (1 + np.exp(-(good_I[thing_N] + busy_S[step_N])))
    shown_N = (rng.random(len(thing_N)) < chance_N).astype(float)
    sold_N = good_I[thing_N] + busy_S[step_N] + 0.4 * shown_N + rng.normal(size=len(thing_N)) / 2
    (found,) = panel_effects(Panel(thing_N, step_N, thing_N, sold_N, shown_N[:, None], ("mailer",)))
    assert found.effect == pytest.approx(0.4, abs=4 * found.error)
    assert abs(found.lead) < 4 * found.lead_error
    assert found.clear
    left_NF = demeaned(sold_N[:, None], (thing_N, step_N))
    assert np.abs(np.bincount(thing_N, left_NF[:, 0])).max() < 1e-5


def test_what_never_changes_or_is_too_little_has_no_effect_to_tell():
    thing_N, step_N = (axis.ravel() for axis in np.indices((30, 10)))
    sold_N, always_NF = np.ones(300), np.ones((300, 1))
    with pytest.raises(DataError, match="don't change"):
        panel_effects(Panel(thing_N, step_N, thing_N, sold_N, always_NF, ("mailer",)))
    with pytest.raises(DataError, match="20 items or topics"):
        panel_effects(Panel(thing_N, step_N, thing_N % 5, sold_N, always_NF, ("mailer",)))
