"""What every model hands over is made a forecast whose chance and volume agree."""

import numpy as np
import pytest

from models.shops import TASK, history_of
from penchant.interest.counts import chance_of
from penchant.interest.model import make_forecast


@pytest.mark.parametrize("chance", [0.5, 0.9, 0.99, 0.999, 0.9999])
def test_a_least_volume_hangs_on_no_rounding_of_its_chance(chance):
    """Two chances that are all but equal, and still differ once they are float32."""
    single = np.float32(chance)
    middle = (float(single) + float(np.nextafter(single, np.float32(1)))) / 2
    chance_UTW = np.array([[[middle - 1e-12, middle + 1e-12]]])
    made = make_forecast(history_of(np.ones((1, 1, 9))), TASK, chance_UTW, np.zeros((1, 1, 2)))
    assert made.chance_UTW[0, 0, 0] < made.chance_UTW[0, 0, 1]
    first, second = made.volume_UTW[0, 0]
    assert first == pytest.approx(second, rel=2e-7)
    np.testing.assert_allclose(chance_of(made.volume_UTW, 0.0), chance_UTW, atol=1e-6)
    assert (made.excess_UTW < 1e-2).all()
