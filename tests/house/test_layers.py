"""One noun a file, few folders, arrows that point down (style rules 1, 2 and 4)."""

from pathlib import Path

from importlinter.cli import lint_imports

NOUNLESS = {"utils", "util", "common", "helpers", "helper", "misc", "base", "core", "manager"}
DEEPER = Path("src/penchant/data/sources")  # the one folder inside a folder


def test_a_file_is_named_after_what_it_holds(sources):
    vague = [s.path for s in sources if NOUNLESS & set(Path(s.path).with_suffix("").parts)]
    assert not vague, "Name these after the one thing they hold:\n" + "\n".join(vague)


def test_folders_are_shallow(shipped):
    deep = [
        source.path
        for source in shipped
        if len(Path(source.path).parent.parts) > 3 and Path(source.path).parent != DEEPER
    ]
    assert not deep, "Move these up; src/penchant has one level of folders:\n" + "\n".join(deep)


def test_imports_point_down(root, monkeypatch, capsys):
    monkeypatch.syspath_prepend(root / "src")  # so that it is found, installed or not
    settings = str(root / "pyproject.toml")
    status = lint_imports(config_filename=settings, no_cache=True, no_logo=True)
    assert status == 0, (
        "A layer imports a higher one or a sibling; move what both need down, or pass it in:\n"
        + capsys.readouterr().out
    )
