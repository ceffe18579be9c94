"""Every sheet there is, with the verb that writes it."""

from datetime import date

from penchant import columns as c
from penchant.decisions.churn import CHURN_SCHEMA
from penchant.decisions.community import COMMUNITIES_SCHEMA, COMMUNITY_SCHEMA
from penchant.decisions.complements import COMPLEMENTS_SCHEMA
from penchant.decisions.contest import CHOICE_SCHEMA, POLICY_SCHEMA
from penchant.decisions.demand import DEMAND_SCHEMA
from penchant.decisions.experiment import EXPERIMENT_SCHEMA
from penchant.decisions.groups import CUSTOMER_SCHEMA, GROUP_SCHEMA
from penchant.decisions.promotions import (
    OFFER_EXAMPLE,
    OFFER_SCHEMA,
    VERDICT_EXAMPLE,
    VERDICT_SCHEMA,
)
from penchant.decisions.services import SERVICES_SCHEMA
from penchant.decisions.stock import STOCK_SCHEMA
from penchant.sheet import Filled, Sheet, read_sheet
from penchant.workspace import Workspace

SHEETS = (
    Sheet(
        name="churn",
        schema=CHURN_SCHEMA,
        key=c.USER,
        verb="penchant churn",
        about="Tell who may not come back, what is at risk, why, and what to do.",
        example={
            c.USER: "C011",
            c.GONE: 0.42,
            c.HALVED: 0.61,
            c.SPEND: 18.2,
            c.AT_RISK: 13.1,
            c.ALIVE: 31.5,
            c.WORTH: 118.4,
            c.REASONS: ["Tea > Green tea: every 3 weeks until 2026-01-05, quiet since then"],
            c.ADVICE: "reminder: Coffee > Espresso",
        },
    ),
    Sheet(
        name="experiments",
        schema=EXPERIMENT_SCHEMA,
        key=c.EXPERIMENT,
        verb="penchant experiment",
        about="Tell what arms of experiments changed.",
        ahead=False,
        example={
            c.EXPERIMENT: "banner",
            c.OUTCOME: "spend",
            c.START: date(2026, 1, 5),
            c.END: date(2026, 3, 2),
            c.ARM: "new",
            "control": "control",
            "units": 5012,
            "control_units": 4988,
            c.MEAN: 31.4,
            "control_mean": 29.9,
            c.VALUE: 1.6,
            c.LOW: 0.9,
            c.HIGH: 2.3,
            c.CHANCE: 0.00002,
            "low_always": 0.5,
            "high_always": 2.7,
            "chance_always": 0.001,
            "relative": 0.053,
            "trusted": True,
            "notes": ["Nothing is known of 12 customers before; they count as 0."],
        },
    ),
    Sheet(
        name="policies",
        schema=POLICY_SCHEMA,
        key=c.POLICY,
        verb="penchant policy",
        about="Tell what policies would have earned of what was logged.",
        ahead=False,
        example={
            c.POLICY: "greedy",
            c.REWARD: 0.052,
            c.LOW: 0.044,
            c.HIGH: 0.061,
            c.GAIN: 0.014,
            c.GAIN_LOW: 0.006,
            c.GAIN_HIGH: 0.023,
            "decisions": 1820.0,
            c.CHOSEN: True,
            "notes": [],
        },
    ),
    Sheet(
        name="choices",
        schema=CHOICE_SCHEMA,
        key=c.USER,
        verb="penchant policy",
        about="Tell which option to show to whom, and with which chance it was drawn.",
        example={
            c.USER: "C011",
            c.OPTION: "free delivery",
            c.PROPENSITY: 0.93,
            c.EXPECTED: 0.061,
        },
    ),
    Sheet(
        name="services",
        schema=SERVICES_SCHEMA,
        key=c.USER,
        verb="penchant services",
        about="Tell what to offer beside the goods: refills, subscriptions, accessories.",
        example={
            c.USER: "C011",
            c.SERVICE: "subscription",
            c.TOPIC: "Coffee > Espresso",
            c.ITEM: "P042",
            c.DUE: date(2026, 3, 9),
            c.EARLIEST: date(2026, 3, 2),
            c.LATEST: date(2026, 3, 16),
            c.CHANCE: 0.83,
            c.VOLUME: 1.7,
            c.REASON: "in 14 weeks, about every 2 weeks; last on 2026-02-23",
        },
    ),
    Sheet(
        name="complements",
        schema=COMPLEMENTS_SCHEMA,
        key=c.TOPIC,
        verb="penchant services",
        about="Tell what is bought in the weeks after what, beyond what customers buy anyway.",
        example={
            c.TOPIC: "Coffee > Machines",
            c.LEVEL: c.TOPIC,
            c.FROM: "Coffee > Machines",
            c.TO: "Coffee > Descaler",
            c.LAG: 2,
            c.LIFT: 3.4,
            c.LOW: 2.1,
            c.HIGH: 5.5,
            c.CUSTOMERS: 61,
            c.ONE_WAY: True,
        },
    ),
    Sheet(
        name="community",
        schema=COMMUNITY_SCHEMA,
        key=c.USER,
        verb="penchant community",
        about="Tell which group of like interests a customer is in, and what to ask them to.",
        example={
            c.USER: "C011",
            c.GROUP: "1 Coffee > Espresso, Mugs",
            c.AFFINITY: 0.71,
            c.SUGGESTED: "Coffee > Espresso",
            c.CHANCE: 0.64,
            c.MATES: ["C042"],
            c.REASON: "Coffee > Espresso rises among the 58 members more than elsewhere",
        },
    ),
    Sheet(
        name="communities",
        schema=COMMUNITIES_SCHEMA,
        key=c.GROUP,
        verb="penchant community",
        about="Tell what each group of customers is about, what rises in it, what to ask it to.",
        example={
            c.GROUP: "1 Coffee > Espresso, Mugs",
            c.MEMBERS: 58,
            c.ABOUT: ["Coffee > Espresso", "Mugs"],
            c.RISING: ["Coffee > Espresso"],
            c.SUGGESTED: "Coffee > Espresso",
            c.VOLUME: 31.4,
            c.LIFT: 2.6,
        },
    ),
    Sheet(
        name="segments",
        schema=CUSTOMER_SCHEMA,
        key=c.USER,
        verb="penchant segments",
        about="Tell every customer's stage and segment of interest, now and some steps ago.",
        example={
            c.USER: "C011",
            c.STAGE: "fading",
            c.SEGMENT: "Green tea & Teapots",
            c.STAGE_BEFORE: "loyal",
            c.SEGMENT_BEFORE: "Green tea & Teapots",
            c.CHANCE: 0.58,
            c.VOLUME: 2.1,
            c.USUAL: 5.5,
            c.SPEND: 18.2,
            c.WANTS: ["Green tea", "Espresso"],
        },
    ),
    Sheet(
        name="groups",
        schema=GROUP_SCHEMA,
        key=c.GROUP,
        verb="penchant segments",
        about="Tell groups of customers: sizes, what rises and fades, and what to show to them.",
        example={
            c.GROUP: "fading",
            c.KIND: "stage",
            c.SIZE: 214,
            c.SIZE_BEFORE: 187,
            c.STAYED: 0.46,
            c.VOLUME: 530.5,
            c.SPEND: 4120.0,
            c.WANTS: ["Green tea"],
            c.RISING: ["Espresso"],
            c.FADING: ["Teapots"],
            c.SHOWN: ["sencha-100g"],
            c.TITLES: ["Sencha, 100 g"],
            c.BECAUSE: ["bought before"],
        },
    ),
    Sheet(
        name="demand",
        schema=DEMAND_SCHEMA,
        key=c.TOPIC,
        verb="penchant demand",
        about="Tell how much will be wanted of the shop, a department or a topic, step by step.",
        example={
            c.TOPIC: "Tea > Green tea",
            c.TREE_LEVEL: "topic",
            c.START: date(2026, 3, 2),
            c.USERS_SUM: 41.3,
            c.REMAINDER: 2.1,
            c.MEAN: 44.8,
            c.LOW: 35,
            c.HIGH: 55,
        },
    ),
    Sheet(
        name="stock",
        schema=STOCK_SCHEMA,
        key=c.ITEM,
        verb="penchant demand --stock FILE",
        about="Tell what to hold of an item, when it sells out, and what to clear.",
        example={
            c.ITEM: "i68",
            c.TOPIC: "Tea > Green tea",
            c.ON_HAND: 12.0,
            c.UNITS: 96.2,
            c.REORDER: 21,
            c.SAFETY: 6.7,
            c.COVER: 10.5,
            c.SOLD_OUT: 0.31,
            c.ADVICE: "order",
        },
    ),
    Sheet(
        name="offers",
        schema=OFFER_SCHEMA,
        key=c.USER,
        verb="penchant promote",
        about="Tell whom to send which campaign or coupon, what that brings, and why.",
        example=OFFER_EXAMPLE,
    ),
    Sheet(
        name="verdicts",
        schema=VERDICT_SCHEMA,
        key=c.CAMPAIGN,
        verb="penchant promote",
        about="Tell what campaigns added to spend, or why that can't be told.",
        ahead=False,
        example=VERDICT_EXAMPLE,
    ),
)


def sheet_named(name: str) -> Sheet:
    """The sheet of a name, which is one there is."""
    return next(sheet for sheet in SHEETS if sheet.name == name)


def read_sheets(workspace: Workspace) -> dict[str, Filled]:
    """Sheets as they were last written, by name; those that never were are left out."""
    found = {sheet.name: read_sheet(workspace, sheet) for sheet in SHEETS}
    return {name: filled for name, filled in found.items() if filled is not None}
