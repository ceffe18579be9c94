"""The documents name all there is (style rule 22)."""

import re
from importlib.util import find_spec

import pytest
from typer.main import get_command

import penchant
from penchant import models


def commands_of(group, prefix="penchant"):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, f"{prefix} {name}")
        elif not command.hidden:
            yield f"{prefix} {name}"


def test_documents_name_every_command(pages):
    if find_spec("penchant.cli") is None:
        pytest.skip("There is no penchant.cli yet.")
    from penchant.cli import app

    text = "\n".join(pages.values())
    missing = [
        name for name in commands_of(get_command(app)) if not re.search(rf"\b{name}\b", text)
    ]
    assert not missing, "Show these commands in README.md or docs/*.md:\n" + "\n".join(missing)


def test_documents_name_every_recipe(pages):
    recipes = getattr(models, "RECIPES", None)
    if recipes is None:
        pytest.skip("There is no penchant.models.RECIPES yet.")
    text = "\n".join(pages.values())
    missing = [name for name in recipes if f"`{name}`" not in text]
    assert not missing, (
        "Give each of these recipes a paragraph in docs/models.md, its name in backticks:\n"
        + "\n".join(missing)
    )


def test_the_readme_shows_the_public_names(pages):
    names = getattr(penchant, "__all__", None)
    if names is None:
        pytest.skip("The package has no __all__ yet.")
    absent = [name for name in names if not hasattr(penchant, name)]
    assert not absent, f"penchant.__all__ promises names that don't exist: {', '.join(absent)}"
    missing = [
        name
        for name in names
        if not name.startswith("__") and not re.search(rf"\b{name}\b", pages["README.md"])
    ]
    assert not missing, "Show these public names in README.md:\n" + "\n".join(missing)


def test_the_changelog_tells_of_this_version(files, project):
    version = project["project"]["version"]
    heading = re.compile(rf"## \[?{re.escape(version)}\b")
    headings = [line for line in files.get("CHANGELOG.md", "").splitlines() if heading.match(line)]
    assert headings, (
        f"CHANGELOG.md needs a section '## {version}' that says what this version changed."
    )


def test_the_licence_is_apache(files, project):
    assert project["project"]["license"] == "Apache-2.0"
    opening = " ".join(files.get("LICENSE", "").split())
    assert opening.startswith("Apache License Version 2.0, January 2004"), (
        "LICENSE must hold the full text of the Apache License 2.0, as pyproject.toml says."
    )
    assert "END OF TERMS AND CONDITIONS" in opening, "The text in LICENSE is cut short."
