"""The data sets of the leaderboard, each at cutoffs that nothing was tuned on."""

from dataclasses import replace

from bench.counted import COUNTED
from bench.goals import DIRICHLET
from bench.reviews import review_shop
from bench.shops import INSTACART, JOURNEY, SHOPS, Shop, journey_departments

CUTOFFS = (40, 44, 48)  # of Complete Journey, whose earlier ones are for tuning
EVERYWHERE = (DIRICHLET, "history_density")

_JOURNEY = replace(
    SHOPS[JOURNEY], cutoffs=CUTOFFS, peers=(*EVERYWHERE, "lifestream"), thorough=True
)
BOARD: dict[str, Shop] = {
    shop.name: shop
    for shop in (
        _JOURNEY,
        replace(
            _JOURNEY,
            name="journey_departments",
            load=journey_departments,
            cutoffs=(40,),
            peers=EVERYWHERE,
            thorough=False,
            caveats=(
                "The same households, with the shop's departments as topics: few and broad, so "
                "that most are bought anyway and little is left to forecast.",
            ),
        ),
        replace(SHOPS[INSTACART], peers=EVERYWHERE),
        *(
            replace(review_shop(name), peers=EVERYWHERE)
            for name in ("amazon2014_beauty", "amazon2014_toys")
        ),
        *COUNTED,
    )
}
