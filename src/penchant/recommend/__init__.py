"""From interests to items: candidates, their blend, and the lists that rules allow."""

from penchant.models import Families

SOURCES = Families(
    {
        "repeat": "repeat.Repeat",
        "items": "neighbours.ItemNeighbours",
        "ease": "ease.Ease",
        "users": "neighbours.UserNeighbours",
        "sequence": "sequence.Sequence",
        "popular": "popular.Popular",
        "content": "content.Content",
        "newcomers": "newcomers.Newcomers",
    },
    "penchant.recommend",
)  # what proposes items
USUAL = ("repeat", "items", "popular", "content", "newcomers")  # of a recommender as it comes
_PARTS = (
    "assortment.Assortment",
    "basket.FittedNextBasket",
    "basket.NextBasket",
    "content.Content",
    "content.FittedContent",
    "ease.Ease",
    "ease.FittedEase",
    "guided.FittedGuided",
    "guided.Guided",
    "neighbours.FittedItemNeighbours",
    "neighbours.FittedUserNeighbours",
    "neighbours.ItemNeighbours",
    "neighbours.UserNeighbours",
    "newcomers.FittedNewcomers",
    "newcomers.Newcomers",
    "popular.FittedPopular",
    "popular.Popular",
    "ranker.FittedRanker",
    "ranker.Ranker",
    "recommender.FittedRecommender",
    "recommender.Recommender",
    "repeat.FittedRepeat",
    "repeat.Repeat",
    "sequence.FittedSequence",
    "sequence.Sequence",
    "sight.Sight",
    "signals.Facts",
)  # what recommenders are made of, for loading
TYPES = Families({place.split(".")[1]: place for place in _PARTS}, "penchant.recommend")
