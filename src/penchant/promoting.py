"""Promotions of a workspace: its campaigns from files, judged, and whom to send the next ones.

Shapes: C campaigns, M customers sent a campaign or held out, P pairs of an offer and an item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.data.events import REDEEM
from penchant.data.store import Store
from penchant.decisions.campaigns import Campaigns, Offers, offers_of, responses_of
from penchant.decisions.panel import PanelEffect, item_panel, panel_effects
from penchant.decisions.promotions import (
    Plan,
    Promotions,
    judge,
    learn_uplift,
    promote,
    verdict_table,
)
from penchant.decisions.record import LEAST_STEPS, Record, forecasts
from penchant.decisions.response import FittedResponse, Response
from penchant.errors import DataError, HistoryError, SettingsError
from penchant.handed import numbers, read_cells
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions, build_interactions
from penchant.interest.interest import Names
from penchant.pipeline import recipe_named, workspace_history
from penchant.recommend.sight import moment
from penchant.sheet import write_sheet
from penchant.sheets import sheet_named
from penchant.workspace import Workspace

OFFERS, VERDICTS = sheet_named("offers"), sheet_named("verdicts")
INTEREST = "gamma_poisson"  # quick to forecast with at the start of every campaign there was
YES, NO = ("1", "true", "yes", "sent", "treated"), ("0", "false", "no", "holdout", "control")
DAY = 24 * 60 * 60  # seconds
USUAL_DAYS = 28  # of a campaign, where none is known


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The files of campaigns and what they cover, and what is to be sent."""

    campaigns: str
    items: str
    budget: float | None = None
    margin: float | None = None
    cost: float | None = None  # of an offer; by default what the file says

    def __post_init__(self) -> None:
        if self.margin is not None and not 0 < self.margin <= 1:
            raise SettingsError(
                f"--margin is the part of spend that is margin, above 0 and up to 1; found "
                f"{self.margin:g}."
            )


@dataclass(frozen=True)
class Said:
    """What can and can't be said of campaigns, and the offers that follow."""

    promotions: Promotions
    verdicts: pa.Table
    effect: PanelEffect | None  # of promotions on an item's sales
    notes: tuple[str, ...]


def workspace_promotions(workspace: Workspace, asked: Asked) -> Said:
    """Judge a workspace's campaigns, choose whom to send the next, and write both sheets."""
    history, recipe = workspace_history(workspace), recipe_named(workspace, INTEREST)
    standing = recipe.fit(history, workspace.task).predict(history)
    now = moment(history, history.cutoff)
    record, notes = read_record(workspace, history, asked, now)
    campaigns = record.campaigns
    codes = record.learnable(now)
    starts = campaigns.start_C[codes].tolist()
    early = (2 * campaigns.start_C[codes] - campaigns.end_C[codes]).tolist()
    asked_of = [start for start in (*starts, *early) if record.cutoff(start) >= LEAST_STEPS]
    made = forecasts(record, recipe, workspace.task, asked_of)
    judged = judge(record, made, now)
    response = _response(record, made, now, notes)
    plan = Plan(now=now, budget=asked.budget, margin=asked.margin)
    found = promote(record, standing, plan, response, learn_uplift(judged))
    effect = promotion_effect(record, notes)
    verdicts = verdict_table(record, judged)
    said = Said(found, verdicts, effect, (*found.notes, *notes))
    ends = [int(campaigns.end_C[code]) for code in np.flatnonzero(campaigns.start_C >= now)]
    until = max([now + DAY, *ends])
    write_sheet(workspace, OFFERS, found.table, (history.cutoff_date, _day(until)), said.notes)
    first = min([now, *campaigns.start_C.tolist()])
    write_sheet(workspace, VERDICTS, verdicts, (_day(first), history.cutoff_date), ())
    return said


def read_record(
    workspace: Workspace, history: History, asked: Asked, now: int
) -> tuple[Record, list[str]]:
    """The record of a shop up to a moment, from its store and the files of campaigns."""
    store, notes = workspace.store(), list[str]()
    kinds = workspace.settings.forecast.target
    past = build_interactions(store.events(), kinds)
    past = past.where(past.time_N < now)
    redeemed = _redeemed(store, past, now)
    offers = read_offers(asked.items)
    campaigns = planned(read_campaigns(asked.campaigns, asked.cost), offers, past, now, asked.cost)
    if redeemed is None:
        notes.append(
            "No coupon is redeemed in the events, so who bought what a campaign covers while it "
            "ran counts as a response."
        )
    heeded = responses_of(past if redeemed is None else redeemed, campaigns, offers)
    promotions = store.promotions().to_pyarrow() if store.counts["promotions"] else None
    if not np.isfinite(past.money_N).any():
        notes.append("No purchase has a value, so neither uplift of spend nor margin can be told.")
    record = Record(history, past, redeemed, promotions, campaigns, offers, heeded)
    return record, notes


def _redeemed(store: Store, past: Interactions, now: int) -> Interactions | None:
    try:
        found = build_interactions(store.events(), (REDEEM,))
    except HistoryError:
        return None
    return found.where(found.time_N < now).among(past.items_I).of(past.users_U)


def read_campaigns(path: str, cost: float | None = None) -> Campaigns:
    """Campaigns from a file of a row a customer and campaign: `user, name, start, end`.

    The end is the first day after. As wished `kind`, `treated` (0: held out) and `cost`. Raises
    DataError for a missing column, a cell that can't be read, or days that differ.
    """
    cells = read_cells(path, (c.USER, c.NAME, c.START, c.END), (c.KIND, c.TREATED, c.COST))
    start_M, end_M = (_moments(path, name, cells[name]) for name in (c.START, c.END))
    rows = len(start_M)
    if not rows or any(not cell for cell in (*cells[c.USER], *cells[c.NAME])):
        raise DataError(f"'{path}' has no rows, or one without a customer or a campaign's name.")
    spans: dict[str, tuple[int, int]] = {}
    for name, span in zip(cells[c.NAME], zip(start_M, end_M, strict=True), strict=True):
        if spans.setdefault(name, span) != span:
            raise DataError(
                f"The campaign '{name}' has several days in '{path}'. Give each run its own name."
            )
    names = sorted(spans, key=lambda name: (spans[name], name))
    kinds = dict(zip(cells[c.NAME], cells.get(c.KIND, [""] * rows), strict=True))
    code = {name: number for number, name in enumerate(names)}
    return Campaigns(
        names_C=np.array(names, dtype=np.str_),
        kind_C=np.array([kinds[name] for name in names], dtype=np.str_),
        start_C=np.array([spans[name][0] for name in names], dtype=np.int64),
        end_C=np.array([spans[name][1] for name in names], dtype=np.int64),
        campaign_M=np.array([code[name] for name in cells[c.NAME]], dtype=np.int32),
        user_M=np.array(cells[c.USER], dtype=np.str_),
        treated_M=np.array([_treated(path, text) for text in cells.get(c.TREATED, ["1"] * rows)]),
        cost_M=_costs(path, cells.get(c.COST), rows, cost),
    )


def read_offers(path: str) -> Offers:
    """Offers from a file of what campaigns cover: `name, item`, and `coupon` where they have some.

    Raises DataError for a missing column or cell.
    """
    cells = read_cells(path, (c.NAME, c.ITEM), (c.COUPON,))
    if not cells[c.NAME] or any(not cell for cell in (*cells[c.NAME], *cells[c.ITEM])):
        raise DataError(f"'{path}' has no rows, or one without a campaign's name or an item.")
    name_P, item_P = (np.array(cells[name], dtype=np.str_) for name in (c.NAME, c.ITEM))
    coupon_P = np.array(cells[c.COUPON], dtype=np.str_) if c.COUPON in cells else None
    return offers_of(name_P, coupon_P, item_P)


def planned(
    sent: Campaigns, offers: Offers, past: Interactions, now: int, cost: float | None
) -> Campaigns:
    """The campaigns, and those that were sent to nobody yet: from now on, for every customer."""
    names = np.setdiff1d(offers.campaign_O, sent.names_C)
    lost = np.setdiff1d(sent.names_C, offers.campaign_O)
    if len(lost):
        raise DataError(
            f"Nothing says what the campaign '{lost[0]}' covers. Add it to the file of items."
        )
    days = (sent.end_C - sent.start_C) // DAY
    span = int(np.median(days)) if len(days) else USUAL_DAYS
    users, more = len(past.users_U), len(names)
    code_M = np.repeat(np.arange(more, dtype=np.int32) + len(sent.names_C), users)
    price = np.nan if cost is None else cost
    return Campaigns(
        names_C=np.append(sent.names_C, names),
        kind_C=np.append(sent.kind_C, np.full(more, "")),
        start_C=np.append(sent.start_C, np.full(more, now)),
        end_C=np.append(sent.end_C, np.full(more, now + span * DAY)),
        campaign_M=np.append(sent.campaign_M, code_M),
        user_M=np.append(sent.user_M, np.tile(past.users_U, more)),
        treated_M=np.append(sent.treated_M, np.ones(len(code_M), dtype=bool)),
        cost_M=np.append(sent.cost_M, np.full(len(code_M), price, dtype=np.float32)),
    )


def _response(
    record: Record, made: Mapping[int, Forecast], now: int, notes: list[str]
) -> FittedResponse | None:
    """What campaigns of the past teach of responses; None, and a note, where too little."""
    campaigns = record.campaigns
    codes = [code for code in record.learnable(now) if int(campaigns.start_C[code]) in made]
    lessons = [
        record.lesson(code, made[int(campaigns.start_C[code])], record.offers) for code in codes
    ]
    if not lessons:
        notes.append("No campaign of the past can be learned from, so no response can be told.")
        return None
    try:
        return Response().fit(lessons)
    except HistoryError as error:
        notes.append(str(error))
        return None


def promotion_effect(record: Record, notes: list[str]) -> PanelEffect | None:
    """What promotions do to an item's sales; None, and a note, where it can't be told."""
    if record.promotions is None or not len(record.promotions):
        notes.append("No promotions are known, so what they do to sales can't be told.")
        return None
    panel = item_panel(record.past, record.promotions, record.history)
    if panel is None:
        notes.append("Too few items sold often and were promoted, so no effect can be told.")
        return None
    try:
        (effect,) = panel_effects(panel)
    except DataError as error:
        notes.append(str(error))
        return None
    notes.append(effect_words(effect))
    return effect


def effect_words(effect: PanelEffect) -> str:
    """The effect of promotions as sentences."""
    low, high = (np.exp(effect.effect + side * effect.error) for side in (-1.96, 1.96))
    words = (
        f"Promoted everywhere, an item sells {np.exp(effect.effect):.2f} times as much as without "
        f"a promotion ({low:.2f} to {high:.2f}, of {effect.clusters:,} items); a step or two "
        f"before one begins, {np.exp(effect.lead):.2f} times."
    )
    if not effect.clear:
        words += " That is too unsure, or too much before it begins, to be called its effect."
    return words


def _moments(path: str, name: str, cells: Sequence[str]) -> list[int]:
    found = {}
    for text in set(cells):
        try:
            found[text] = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
        except ValueError as error:
            raise DataError(
                f"The column '{name}' of '{path}' holds '{text}'; give a day like 2026-01-31."
            ) from error
    return [found[text] for text in cells]


def _treated(path: str, text: str) -> bool:
    if text.lower() not in (*YES, *NO):
        raise DataError(
            f"The column '{c.TREATED}' of '{path}' holds '{text}'; give 1 for who was sent the "
            "campaign and 0 for who was held out."
        )
    return text.lower() in YES


def _costs(path: str, cells: list[str] | None, rows: int, cost: float | None) -> np.ndarray:
    """Cost of each row: the same for all, or as the file has it; NaN where neither says."""
    cost_M = np.full(rows, np.nan, dtype=np.float32)
    if cost is not None:
        cost_M[:] = cost
    elif cells is not None:
        told = [row for row, text in enumerate(cells) if text]
        cost_M[told] = numbers(path, c.COST, [cells[row] for row in told])
    if (cost_M < 0).any():
        raise DataError(f"A cost is at least 0; found {np.nanmin(cost_M):g}.")
    return cost_M


def _day(seconds: int) -> date:
    found = datetime.fromtimestamp(seconds, UTC)
    return (found + timedelta(days=1) - timedelta(microseconds=1)).date()


def known_users(found: Promotions) -> Names:
    """Customers with a row."""
    return np.unique(np.array(found.table[c.USER].to_pylist(), dtype=np.str_))
