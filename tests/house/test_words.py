"""Every exception has its reason, and no file holds what only one machine or person knows."""

import io
import re
import tokenize

DIRECTIVE = re.compile(r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[\w, -]+\])?)")
REASON = re.compile(r"\W*\w+(\W+\w+){2,}")  # three words at least
# In pyproject.toml: a rule switched off, a warning let through, a check relaxed.
RELAXED = re.compile(
    r"""^\s*(?:"[A-Z]+\d+",|"ignore:.*|"[\w*/.]+"\s*=\s*\[.*\]|ignore_\w+\s*=\s*true|\w+\s*=\s*false)"""
)
UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X)\b")
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|download\.pytorch\.org|registry\.npmjs\.org|conda\.anaconda\.org"
    r"|--(?:extra-)?index[-]url|--find[-]links"
)
MACHINE_PATHS = re.compile(r"(?<![\w.:/~-])/(?:work|opt|tmp|root|home|Users|mnt)/\w")
MAKERS = re.compile(
    r"\bAI[ -]assistant|\bClau[d]e\b|\bLLM[ -]generated|\bCopil[o]t\b|\bChat[G]PT\b"
)


def lines_with(pattern, files):
    return [
        f"{path}:{number} {line.strip()[:80]}"
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def comments_of(source):
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_every_exception_to_a_check_has_its_reason(sources):
    bare = [
        f"{source.path}:{line} {comment}"
        for source in sources
        for line, comment in comments_of(source)
        if (found := DIRECTIVE.search(comment)) and not REASON.match(comment, found.end())
    ]
    assert not bare, "Say on the same line why the rule can't hold here:\n" + "\n".join(bare)


def test_every_relaxed_setting_has_its_reason(files):
    bare = [
        f"pyproject.toml:{number} {line.strip()}"
        for number, line in enumerate(files["pyproject.toml"].splitlines(), 1)
        if RELAXED.match(line) and "#" not in line
    ]
    assert not bare, "Give each of these a trailing comment that says why:\n" + "\n".join(bare)


def test_nothing_is_left_for_later(files):
    found = lines_with(UNFINISHED, files)
    assert not found, "Do these, or file an issue and delete the note:\n" + "\n".join(found)


def test_no_registry_is_named(files):
    found = lines_with(REGISTRIES, files)
    assert not found, "Leave the choice of a package registry to the user:\n" + "\n".join(found)


def test_no_path_of_one_machine(files):
    found = lines_with(MACHINE_PATHS, files)
    assert not found, "Use a path relative to the repository, or tmp_path:\n" + "\n".join(found)


def test_texts_speak_of_the_product(files):
    found = lines_with(MAKERS, files)
    assert not found, "Say what it does, not how it was written:\n" + "\n".join(found)
