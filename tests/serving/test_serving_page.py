"""The page on serving shows every route, metric and limit as it is."""

import re
from pathlib import Path

from cornershop import Client, serving

from penchant.serving import body, head, messages
from penchant.serving.route import Router
from penchant.serving.routes import ROUTES
from penchant.serving.sheets import SHEET_ROUTES, one_path
from penchant.sheets import SHEETS

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")


def test_it_has_a_curl_for_every_route():
    text = PAGE.replace("\\\n", "")
    router, shown = Router(ROUTES), set()
    for line in re.findall(r"^curl .*$", text, re.MULTILINE):
        path = re.search(r"localhost:8000(/[^\s'?]*)", line)[1]
        method = "POST" if "-X POST" in line else "GET"
        shown.add(router.find(method, path.encode())[0].name)
    of_sheets = {route.name for routes in SHEET_ROUTES.values() for route in routes}
    assert shown >= {route.name for route in ROUTES} - of_sheets


def test_it_has_a_row_for_every_sheet():
    for sheet in SHEETS:
        kind = one_path(sheet).split("/")[2]
        row = rf"^\| \[`{sheet.name}`\]\([a-z.#]+\) \| `{kind}` \| `{sheet.verb}` \|$"
        assert re.search(row, PAGE, re.MULTILINE), f"{sheet.name}, by {kind}, {sheet.verb}"


def test_it_has_every_metric(tmp_path):
    app, _, (token,), _ = serving(tmp_path)
    text = Client(app, token).ask("GET", "/metrics").body.decode()
    named = re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    missing = [name for name in named if f"`{name.removesuffix('_created')}`" not in PAGE]
    assert [name for name in missing if not name.endswith("_created")] == []


def test_its_limits_are_those_there_are():
    for limit in (
        f"{body.MOST_BYTES >> 20} MiB, and {body.MOST_AT_ONCE >> 20} MiB",
        f"{messages.MOST_EVENTS:,}; of a raw history {messages.MOST_RAW:,}",
        f"| items of a list | {messages.MOST_SLOTS} |",
        f"{messages.LONGEST_ID} characters",
        f"{head.MOST_BYTES >> 10} KiB",
        f"{body.SLOWEST} s",
    ):
        assert limit in PAGE
