"""Every column name, in one place.

Tables use these names and no others; `data.mapping` maps other people's names onto them.
"""

# Events: one thing a customer did.
USER = "user"
ITEM = "item"
TIME = "time"
KIND = "kind"
VALUE = "value"
QUANTITY = "quantity"
ORDER = "order"
QUERY = "query"
DWELL = "dwell"
EVENT = "event"
SESSION = "session"

# Catalog: what is sold.
PATH = "path"
TITLE = "title"
BRAND = "brand"
PRICE = "price"
IMAGE = "image"
VALID_FROM = "valid_from"
VALID_UNTIL = "valid_until"

# Identities: the ids a customer also goes by.
ALIAS = "alias"

# Known in advance.
START = "start"
END = "end"
STRENGTH = "strength"
NAME = "name"

# Interest.
TOPIC = "topic"
STEP = "step"
MONEY = "money"
WORD = "word"
CODE = "code"

# Interactions.
BASKET = "basket"
BEGAN = "began"

# Recommendations.
SLOT = "slot"
INTEREST = "interest"
BECAUSE = "because"

# Forecasts.
WINDOW = "window"
CHANCE = "chance"
VOLUME = "volume"
SHARE = "share"
LOW = "low"
HIGH = "high"

# Churn.
GONE = "no_purchase"
HALVED = "halved"
SPEND = "expected_spend"
AT_RISK = "at_risk"
ALIVE = "alive"
WORTH = "year_spend"
REASONS = "reasons"
ADVICE = "advice"

# Policies.
POLICY = "policy"
OPTION = "option"
REWARD = "reward"
PROPENSITY = "propensity"
EXPECTED = "expected_reward"
GAIN = "gain"
GAIN_LOW = "gain_low"
GAIN_HIGH = "gain_high"
CHOSEN = "chosen"
# Services and complements.
SERVICE = "service"
DUE = "due_on"
EARLIEST = "earliest"
LATEST = "latest"
LEVEL = "paired"
LAG = "lag"
LIFT = "lift"
CUSTOMERS = "buyers"
ONE_WAY = "one_way"

# Communities.
GROUP = "group"
AFFINITY = "affinity"
MEMBERS = "members"
ABOUT = "about"
RISING = "rising"
SUGGESTED = "suggested"
MATES = "mates"

# Segments.
STAGE = "stage"
STAGE_BEFORE = "stage_before"
SEGMENT = "segment"
SEGMENT_BEFORE = "segment_before"
USUAL = "usual"
WANTS = "wants"
SIZE = "size"
SIZE_BEFORE = "size_before"
STAYED = "stayed"
FADING = "fading"
SHOWN = "shown"
TITLES = "titles"

# Demand and stock.
TREE_LEVEL = "tree_level"
USERS_SUM = "users_sum"
REMAINDER = "remainder"
ON_HAND = "on_hand"
ON_ORDER = "on_order"
UNITS = "units_ahead"
LEAD_DAYS = "lead_days"
LEAD_SPREAD = "lead_spread"
REVIEW_DAYS = "review_days"
SAFETY = "safety_stock"
REORDER = "reorder_point"
COVER = "cover_days"
SOLD_OUT = "sold_out"

# Promotions.
CAMPAIGN = "campaign"
COUPON = "coupon"
STORE = "store"
MAILER = "mailer"
DISPLAY = "display"
TREATED = "treated"
COST = "cost"
UPLIFT = "uplift"
MARGIN = "margin"
SEND = "send"
SENT = "sent"
HELD = "held_out"
DEALT = "by_lot"
RESPONSES = "responses"
DIFFERENCE = "difference"
BEFORE = "difference_before"

# Migrations.
FROM = "from"
TO = "to"

# Experiments.
EXPERIMENT = "experiment"
OUTCOME = "outcome"
ARM = "arm"
PER = "per"
COVARIATE = "covariate"
COVARIATE_PER = "covariate_per"

# Quarantine.
SOURCE = "source"
ROW = "row"
FIELD = "field"
REASON = "reason"
CONTENT = "content"

# Ingest.
VERDICT = "verdict"
MONTH = "month"
ROWS = "rows"

# Backtests and benchmarks.
DATASET = "dataset"
MODEL = "model"
CUTOFF = "cutoff"
METRIC = "metric"
DATE = "date"
DRAWS = "draws"
ERROR = "error"
ACTUAL = "actual"
MEAN = "mean"
FREQUENCY = "frequency"
CELLS = "cells"
CUTOFFS = "cutoffs"
