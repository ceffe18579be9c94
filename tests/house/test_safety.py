"""Nothing shipped runs data as code, or prints past the console (style rule 22)."""

import ast

UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve"}
UNSAFE_BUILTINS = {"eval", "exec", "compile", "__import__"}
UNSAFE_CALLS = {"joblib.dump", "joblib.load", "pd.read_pickle", "pandas.read_pickle"}
UNSAFE_METHODS = {"to_pickle"}


def imported(node):
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "").split(".")[0]}
    return set()


def is_true(call, keyword):
    return any(
        k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is True
        for k in call.keywords
    )


def unsafe_call(call):
    name = ast.unparse(call.func)
    return (
        name in UNSAFE_BUILTINS | UNSAFE_CALLS
        or name.rsplit(".", 1)[-1] in UNSAFE_METHODS
        or (name == "torch.load" and not is_true(call, "weights_only"))
        or (name in ("np.load", "numpy.load") and is_true(call, "allow_pickle"))
    )


def test_no_data_is_run_as_code(shipped):
    unsafe = [
        f"{source.path}:{node.lineno} {ast.unparse(node)[:60]}"
        for source in shipped
        for node in ast.walk(source.tree)
        if imported(node) & UNSAFE_MODULES or (isinstance(node, ast.Call) and unsafe_call(node))
    ]
    assert not unsafe, (
        "Save as safetensors, JSON or Parquet, and look names up in a literal table:\n"
        + "\n".join(unsafe)
    )


def test_output_goes_through_the_console(shipped):
    prints = [
        f"{source.path}:{node.lineno}"
        for source in shipped
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]
    assert not prints, "Return the value, or show it on the CLI's console:\n" + "\n".join(prints)
