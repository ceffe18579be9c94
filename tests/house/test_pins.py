"""constraints.txt holds an exact version, allowed by pyproject.toml, of all that is asked for."""

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from penchant.extras import EXTRAS


@pytest.fixture(scope="module")
def pins(files):
    lines = (line.partition("#")[0].strip() for line in files["constraints.txt"].splitlines())
    return [Requirement(line) for line in lines if line]


def test_every_pin_is_exact(pins):
    loose = [str(pin) for pin in pins if [part.operator for part in pin.specifier] != ["=="]]
    assert not loose, "Write name==version in constraints.txt:\n" + "\n".join(loose)


def test_every_dependency_is_pinned(pins, project):
    version = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    extras = project["project"]["optional-dependencies"]
    asked = [*project["project"]["dependencies"], *(text for e in extras.values() for text in e)]
    wrong = [
        f"{text}: {version.get(canonicalize_name(wanted.name), 'no pin')}"
        for text in asked
        if (wanted := Requirement(text)).name != project["project"]["name"]
        and not wanted.specifier.contains(version.get(canonicalize_name(wanted.name), "0"))
    ]
    assert not wrong, "Pin these in constraints.txt at a version they allow:\n" + "\n".join(wrong)


def test_extras_that_errors_name_exist(project):
    assert set(EXTRAS.values()) <= set(project["project"]["optional-dependencies"])
