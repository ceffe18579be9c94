"""Every number claimed in the documents is produced by a named script (style rule 22).

Results stand between `<!-- numbers: benchmarks/NAME.py -->` and `<!-- /numbers -->`. Each decimal
number there must be a value, rounded, of benchmarks/results/NAME.json; a share may be written
in per cent. `docs/log.md` is history: its numbers carry a date and stay as they were.
"""

import json
import re

BLOCK = re.compile(r"<!-- numbers: (\S+) -->\n(.*?)<!-- /numbers -->", re.DOTALL)
MARK = re.compile(r"<!-- /?numbers\b.*?-->")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
DECIMAL = re.compile(r"(?<![\w.])[-−]?(\d[\d,]*\.\d+)(?![\w.]*\d)(\s*%)?")
RESULT = re.compile(
    r"^\s*\|.*(?<![\w.])\d+\.\d+(?!\.\d)|(?<![\w.])0\.\d{2,}(?!\.?\d)", re.MULTILINE
)
LOG = "docs/log.md"


def numbers_in(tree):
    if isinstance(tree, dict | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers_in(part)
    elif isinstance(tree, int | float):
        yield abs(float(tree))


def produced(shown, percent, values):
    """Whether a number as shown is one of the values, rounded to its own decimals."""
    number = float(shown.replace(",", ""))
    half = 0.5 * 10.0 ** -len(shown.split(".")[1]) * (1 + 1e-9)
    scales = (1, 100) if percent else (1,)
    return any(abs(value * scale - number) <= half for value in values for scale in scales)


def wrong_in(root, script, block):
    results = root / "benchmarks/results" / f"{script.removeprefix('benchmarks/')[:-3]}.json"
    absent = [path for path in (root / script, results) if not path.is_file()]
    if absent:
        return [f"there is no {path.relative_to(root)}" for path in absent]
    values = sorted(set(numbers_in(json.loads(results.read_text()))))
    return [
        f"{match[0].strip()} is not in {results.relative_to(root)}"
        for match in DECIMAL.finditer(block)
        if not produced(match[1], match[2], values)
    ]


def test_every_number_comes_from_its_script(root, pages):
    wrong = [
        f"{path}: {problem}"
        for path, text in pages.items()
        if path != LOG
        for script, block in BLOCK.findall(text)
        for problem in wrong_in(root, script, block)
    ]
    assert not wrong, (
        "Run `make bench NAME=…` and copy what benchmarks/results/NAME.md says now:\n"
        + "\n".join(wrong)
    )


def test_every_result_stands_in_a_numbers_block(pages):
    loose = []
    for path, text in pages.items():
        rest = CODE.sub("", BLOCK.sub("", text))
        if path != LOG:
            loose += [f"{path}: {mark[0]} without its partner" for mark in MARK.finditer(rest)]
            loose += [f"{path}: {match[0].strip()[:80]}" for match in RESULT.finditer(rest)]
    assert not loose, (
        "Put results between '<!-- numbers: benchmarks/NAME.py -->' and '<!-- /numbers -->', "
        "each mark on its own line, and settings in backticks:\n" + "\n".join(loose)
    )


def test_rounding_is_understood():
    values = [0.5449, 0.8012, 1234.56]
    assert produced("0.545", "", values)
    assert produced("80.1", " %", values)
    assert produced("1,234.6", "", values)
    assert not produced("0.546", "", values)
    assert not produced("80.1", "", values)
