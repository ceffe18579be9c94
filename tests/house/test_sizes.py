"""Files, functions and signatures stay small enough to read at once (style rule 3)."""

import ast

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 50
MOST_PARAMETERS = 8


def functions_of(source):
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{source.path}:{node.lineno} {node.name}", node


def test_a_file_is_short(sources):
    lengths = {source.path: len(source.text.splitlines()) for source in sources}
    long = [f"{path}: {lines}" for path, lines in lengths.items() if lines > MOST_LINES]
    assert not long, f"Split these at a noun; a file has at most {MOST_LINES} lines:\n" + "\n".join(
        long
    )


def test_a_function_is_short(sources):
    long = [
        f"{where}: {lines}"
        for source in sources
        for where, node in functions_of(source)
        if (lines := node.end_lineno - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION
    ]
    assert not long, (
        "Name the parts of these and call them; a function has at most "
        f"{MOST_LINES_OF_A_FUNCTION} lines:\n" + "\n".join(long)
    )


def test_a_function_has_few_parameters(sources):
    wide = []
    for source in sources:
        for where, node in functions_of(source):
            arguments = node.args
            named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            own = [a.arg for a in named if a.arg not in ("self", "cls")]
            if len(own) > MOST_PARAMETERS:
                wide.append(f"{where}: {len(own)}")
    assert not wide, (
        f"Group the parameters of these in a frozen dataclass; at most {MOST_PARAMETERS}:\n"
        + "\n".join(wide)
    )
