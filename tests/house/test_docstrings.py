"""What users can name is explained, and array names have a legend (style rules 12 and 17)."""

import ast
import re

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SUFFIXED = re.compile(r"[a-z]\w*_([A-Z][A-Z0-9]*)")


def public_definitions(body):
    for node in body:
        if isinstance(node, DEFINITIONS) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body)


def defined_names(tree):
    """Variables, fields, parameters and functions; not what other files' objects hold."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_every_module_says_what_it_is(sources):
    silent = [s.path for s in sources if s.text.strip() and not ast.get_docstring(s.tree)]
    silent = [path for path in silent if not path.startswith("tests/")]
    assert not silent, "Open these with a docstring of one sentence:\n" + "\n".join(silent)


def test_every_public_name_says_what_it_is(shipped):
    silent = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in shipped
        for node in public_definitions(source.tree.body)
        if not ast.get_docstring(node)
    ]
    assert not silent, (
        "Give these a docstring of one sentence, then units, shapes, errors, cost; "
        "or a leading underscore:\n" + "\n".join(silent)
    )


def test_shape_suffixes_have_a_legend(shipped):
    unexplained = []
    for source in shipped:
        used = {
            match[1] for name in defined_names(source.tree) if (match := SUFFIXED.fullmatch(name))
        }
        letters = {letter for suffix in used for letter in suffix if letter.isalpha()}
        legend = (ast.get_docstring(source.tree) or "").partition("Shapes:")[2]
        missing = sorted(letter for letter in letters if not re.search(rf"\b{letter}\b", legend))
        if missing:
            unexplained.append(f"{source.path}: {' '.join(missing)}")
    assert not unexplained, (
        "Name these letters at the end of the module's docstring, "
        "as in 'Shapes: U users, T topics.':\n" + "\n".join(unexplained)
    )
