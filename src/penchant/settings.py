"""Settings: `penchant.toml`, typed, with unknown keys refused.

Every field has a default, so an empty file (or none) is a valid one.
"""

import tomllib
import types
from collections.abc import Mapping as Keys
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from penchant.data.events import KIND_SYNONYMS
from penchant.data.mapping import (
    CatalogMapping,
    HolidayMapping,
    IdentityMapping,
    Mapping,
    PeopleMapping,
    PromotionMapping,
    StockMapping,
)
from penchant.data.step import Step
from penchant.decisions.assignment import Plan, arms_of
from penchant.errors import PenchantError, SettingsError, suggest
from penchant.interest.model import Recipe
from penchant.interest.task import Window
from penchant.recommend import SOURCES, USUAL
from penchant.recommend.rules import Rules

FILE = "penchant.toml"
WANTED = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    Recipe: "a recipe, which only Python can give",
}


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the data come from: paths, beside the settings file or absolute."""

    events: tuple[str, ...] = ()
    format: str | None = None  # of the events, a name in `data.sources`; by default recognised
    catalog: str | None = None
    people: str | None = None
    identities: str | None = None
    promotions: str | None = None
    holidays: str | None = None


@dataclass(frozen=True, kw_only=True)
class Mappings:
    """What each source calls our columns."""

    events: Mapping = field(default_factory=Mapping)
    catalog: CatalogMapping = field(default_factory=CatalogMapping)
    people: PeopleMapping = field(default_factory=PeopleMapping)
    identities: IdentityMapping = field(default_factory=IdentityMapping)
    promotions: PromotionMapping = field(default_factory=PromotionMapping)
    holidays: HolidayMapping = field(default_factory=HolidayMapping)
    stock: StockMapping = field(default_factory=StockMapping)


@dataclass(frozen=True, kw_only=True)
class TopicSettings:
    """Which nodes of the category tree are topics."""

    level: int | None = None  # depth from 1; none chooses by itself
    floor: int = 20  # customers below which a node is folded into its parent's `other`
    most: int = 400  # topics

    def __post_init__(self) -> None:
        if self.floor < 0 or self.most < 1:
            raise SettingsError(
                f"Under [topics] in {FILE}, `floor` is at least 0 and `most` at least 1; "
                f"found {self.floor} and {self.most}."
            )


@dataclass(frozen=True, kw_only=True)
class ForecastSettings:
    """What is asked of the forecast."""

    step: Step = Step.WEEK
    windows: tuple[str, ...] = ("1-4", "5-8", "9-12")  # steps ahead, counted from 1
    target: tuple[str, ...] = ("purchase",)  # kinds of event that count as an engagement
    model: str = "boosted"

    def __post_init__(self) -> None:
        for name in self.windows:
            Window.parse(name)
        kinds = tuple(KIND_SYNONYMS.get(kind.lower(), kind.lower()) for kind in self.target)
        object.__setattr__(self, "target", kinds)


@dataclass(frozen=True, kw_only=True)
class BacktestSettings:
    """How forecasts are tried on the past."""

    cutoffs: int = 3  # rolling calendar cutoffs
    draws: int = 100  # of the bootstrap over customers
    models: tuple[str, ...] = ()  # none tries one of each that costs little

    def __post_init__(self) -> None:
        if self.cutoffs < 1 or self.draws < 0:
            raise SettingsError(
                f"Under [backtest] in {FILE}, `cutoffs` is at least 1 and `draws` at least 0; "
                f"found {self.cutoffs} and {self.draws}."
            )


@dataclass(frozen=True, kw_only=True)
class TuningSettings:
    """How hyperparameters are tried on a past that lies before the backtest's."""

    cutoffs: int = 3  # rolling calendar cutoffs

    def __post_init__(self) -> None:
        if self.cutoffs < 1:
            raise SettingsError(
                f"Under [tuning] in {FILE}, `cutoffs` is at least 1; found {self.cutoffs}."
            )


@dataclass(frozen=True, kw_only=True)
class RecommendSettings:
    """What customers are shown."""

    slots: int = 10  # items of a list
    steps: int = 4  # ahead, whose engagements chances are of
    sources: tuple[str, ...] = USUAL  # what proposes items; the first that did explains one
    encoder: str = ""  # text model that reads items' titles for `content`; empty: words are counted
    interest: str = "gamma_poisson"  # the model that forecasts topics; empty: none does
    segment: str = ""  # attribute of people by which newcomers differ; empty: all are alike
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        if self.slots < 1 or self.steps < 1:
            raise SettingsError(
                f"Under [recommend] in {FILE}, `slots` and `steps` are at least 1; "
                f"found {self.slots} and {self.steps}."
            )
        for name in self.sources:
            if name not in tuple(SOURCES):  # which imports none of them
                raise SettingsError(
                    f"There is no source '{name}' for [recommend] in {FILE}. "
                    f"{suggest(name, SOURCES)}"
                )
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise SettingsError(
                f"Under [recommend] in {FILE}, `sources` names at least one, and each once; "
                f"found {', '.join(self.sources) or 'none'}."
            )
        if self.encoder and "content" not in self.sources:
            raise SettingsError(
                f"Under [recommend] in {FILE}, `encoder` serves the source 'content', which isn't "
                "among `sources`."
            )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything `penchant.toml` may say."""

    name: str = "shop"
    folder: str = ".penchant"  # the store, models, forecasts and backtests
    timezone: str = "UTC"  # the shop's; times that carry a zone are put on its wall clock
    sources: Sources = field(default_factory=Sources)
    mapping: Mappings = field(default_factory=Mappings)
    topics: TopicSettings = field(default_factory=TopicSettings)
    forecast: ForecastSettings = field(default_factory=ForecastSettings)
    backtest: BacktestSettings = field(default_factory=BacktestSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    recommend: RecommendSettings = field(default_factory=RecommendSettings)
    experiments: Keys[str, Plan] = field(default_factory=dict)
    recipes: Keys[str, Keys[str, Any]] = field(default_factory=dict)  # read by `read_recipe`

    def __post_init__(self) -> None:
        arms_of(self.experiments, ())  # which refuses shares of a layer that are too many


def load_settings(path: Path) -> Settings:
    """Read a settings file; SettingsError names the key that can't be used and a likely one."""
    if not path.is_file():
        raise SettingsError(f"There is no {path}. Make one with `penchant init`.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from error
    built = _build(Settings, content, "")
    assert isinstance(built, Settings)
    return built


def read_recipe(kind: type[Recipe], content: Keys[str, Any], name: str) -> Recipe:
    """A recipe with the hyperparameters of `[recipes.NAME]`, and its defaults for the others.

    SettingsError names one that the recipe doesn't have, or that is of the wrong type.
    """
    recipe: Recipe = _build(kind, content, f"recipes.{name}.")
    return recipe


def _build(kind: type, content: Keys[str, Any], at: str) -> Any:
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    values = {}
    for key, value in content.items():
        if key not in known:
            raise SettingsError(f"There is no setting '{at}{key}' in {FILE}. {suggest(key, known)}")
        values[key] = _convert(hints[key], value, f"{at}{key}")
    try:
        return kind(**values)
    except SettingsError:
        raise
    except PenchantError as error:
        raise SettingsError(f"[{at.rstrip('.')}] in {FILE}: {error}") from error


def _convert(hint: Any, value: Any, at: str) -> Any:
    """Turn a TOML value into the type a setting has."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        return _any_of(options, value, at)
    if origin is tuple:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise _wrong(at, "a list", value)
        return tuple(_convert(get_args(hint)[0], item, at) for item in items)
    if is_dataclass(hint) or origin is Keys:
        if not isinstance(value, dict):
            raise _wrong(at, f"a table, [{at}]", value)
        if origin is Keys:
            kept = get_args(hint)[1]
            return {key: _convert(kept, part, f"{at}.{key}") for key, part in value.items()}
        assert isinstance(hint, type)
        return _build(hint, value, f"{at}.")
    if hint is Step:
        if value not in list(Step):
            raise _wrong(at, "day, week or month", value)
        return Step(value)
    if origin is Literal:
        if value not in get_args(hint):
            raise _wrong(at, " or ".join(str(name) for name in get_args(hint)), value)
        return value
    if hint is float and type(value) is int:
        return float(value)
    if hint is not Any and type(value) is not hint:
        raise _wrong(at, WANTED.get(hint, getattr(hint, "__name__", str(hint))), value)
    return value


def _any_of(options: list[Any], value: Any, at: str) -> Any:
    for option in options:
        try:
            return _convert(option, value, at)
        except SettingsError:
            if option is options[-1]:
                raise
    raise AssertionError("a union has options")


def _wrong(at: str, wanted: str, value: Any) -> SettingsError:
    return SettingsError(f"'{at}' in {FILE} takes {wanted}; found {value!r}.")
