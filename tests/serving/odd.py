"""Events as odd as the wire may bring them."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from penchant.data.events import KIND_SYNONYMS, KIND_WEIGHTS

BLANK = ["", " ", "\t \n", "\x0b", "\u00a0", "\x00"]
WHOLE = [0, -1, 7, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30]
BROKEN = [0.0, -0.0, 1.0, 2.5, -3.25, 1e16, 1e21, 1e-7, 1e300, 5e-324]
NESTED = [True, False, [], {}, [1, "x"], {"a": {"b": [1.50, None, "é/\n"]}}]
NUMBER_TEXTS = [
    *("1", " 7 ", "-2", "+3", "1,5", "1.234,50", "1,234.50", "1,234", "1.5.2", "1e3", "1E+400"),
    *(
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "-0",
        "0x10",
        "1_000",
        "٣",
        "12abc",
        "€5",
        ".5",
        "5.",
        "--1",
    ),
    *("999999999999999999999", "0.1234567890123456789", "1\x00"),
]
TIME_TEXTS = [
    *("now", "today", "epoch", "infinity", "-infinity", "Jan 5 2024", "5.1.2024", "2024/01/05"),
    *("2024-02-30", "2024-1-5", "2024-W01-1", "20240105", "20240105T101112", "2024-01-05T24:00:00"),
    *(
        "2024-01-05T10:00:60",
        "2024-01-05 10:00:00.1234567",
        "2024-01-05T10:00:00,5",
        "2024-01-05T10",
    ),
    *(
        "2024-01-05T10:00Z",
        "2024-01-05T10:00:00z",
        "2024-01-05 10:00:00 UTC",
        "2024-01-05T10:00+02",
    ),
    *("2024-01-05T10:00:00 +02:00", "2024-01-05T10:00:00+0200", "2024-01-05T10:00:00+15:30"),
    *(
        "2024-01-05T10:00:00-00:00",
        "2024-01-05T10:00:00+14:59",
        "2024-01-05 10:00:00 Europe/Berlin",
    ),
    *("٢٠٢٤-٠١-٠٥", "2024-01-05x10:00:00", "0000-01-01", "0001-01-01T00:00:00Z", "9999-12-31"),
    *("1704448800", "1704448800.5", "-5", "1704448800000", "20241301", "2024-01-05 (BC)", "1e9"),
]
KINDS = [
    *KIND_WEIGHTS,
    *KIND_SYNONYMS,
    *("PV", " Buy ", "ORDER", "İ", "ﬁ", "ẞ", "Σ", "unheard_of", "REFUND\t", "Purchase"),
]
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
FORMS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%f%z",
    "%Y-%m-%dT%H:%M%z",
    " %Y-%m-%d %H:%M:%S %z ",
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
anything = st.sampled_from([None, *BLANK, *WHOLE, *BROKEN, *NESTED])
ids = st.one_of(st.sampled_from(["a", "b", " c ", "7"]), texts, st.integers(), anything)
numbers = st.one_of(
    st.none(),
    st.integers(-5, 50),
    st.floats(-50, 50),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(NUMBER_TEXTS),
    anything,
)
kinds = st.one_of(st.sampled_from(["purchase", "return", "view"]), st.sampled_from(KINDS), anything)
moments = st.datetimes(datetime(1965, 1, 1), datetime(2110, 1, 1))
offsets = st.integers(-16 * 60, 16 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@st.composite
def times(draw):
    way = draw(st.integers(0, 9))
    if way == 0:
        return draw(st.one_of(st.sampled_from(TIME_TEXTS), anything, texts, st.integers()))
    moment = draw(moments)
    seconds = moment.replace(tzinfo=UTC).timestamp()
    if way == 1:
        scale = draw(st.sampled_from([1, 1_000, 1_000_000, 1_000_000_000]))
        number = int(seconds * scale)
        return draw(st.sampled_from([number, str(number), float(number)]))
    if way == 2:
        return draw(st.sampled_from([seconds, str(seconds), int(moment.strftime("%Y%m%d"))]))
    if way == 3:
        moment = draw(st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30)))
    return moment.replace(tzinfo=draw(offsets)).strftime(draw(st.sampled_from(FORMS)))


@st.composite
def events(draw):
    """An event in which some cells are as they should be, some odd, and some not there."""
    cells = {
        "user": ids,
        "item": ids,
        "time": times(),
        "kind": kinds,
        "value": numbers,
        "quantity": numbers,
        "order": ids,
        "query": ids,
        "dwell": numbers,
        "event": ids,
    }
    usual = {"user": "ann", "item": "tea", "time": "2024-01-05 10:00:00", "kind": "purchase"}
    event = {}
    for name, strategy in cells.items():
        way = draw(st.integers(0, 9))
        if way < (3 if name in ("time", "value", "quantity") else 1):
            event[name] = draw(strategy)
        elif name in usual and way < 9:
            event[name] = usual[name]
    if draw(st.booleans()):
        event["campaign"] = draw(anything)
    return event
