"""Column names live in columns.py (style rule 8)."""

import ast

COLUMNS = "src/penchant/columns.py"
FIELD_CALLS = {"pa.field", "pc.field", "ibis.field"}
# Columns whose names are also everyday keys of a dict; of these only Arrow fields are reported.
EVERYDAY = {
    *(
        "campaign",
        "code",
        "content",
        "end",
        "event",
        "field",
        "from",
        "group",
        "image",
        "model",
        "name",
        "path",
        "price",
    ),
    *("reason", "row", "source", "start", "title", "to"),
}


def literal(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def spelled_out(node, names):
    if isinstance(node, ast.Subscript):
        return literal(node.slice) in names - EVERYDAY
    if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in FIELD_CALLS:
        return literal(node.args[0]) in names
    return False


def test_column_names_are_constants(shipped):
    tree = next(source.tree for source in shipped if source.path == COLUMNS)
    names = {literal(node.value) for node in tree.body if isinstance(node, ast.Assign)}
    found = [
        f"{source.path}:{node.lineno} {ast.unparse(node)[:60]}"
        for source in shipped
        if source.path != COLUMNS
        for node in ast.walk(source.tree)
        if spelled_out(node, names)
    ]
    assert not found, "Use the constants of penchant.columns here:\n" + "\n".join(found)
