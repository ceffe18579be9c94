"""The repository as the house tests see it: the files git tracks or would track."""

import ast
import subprocess
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Source:
    """A Python file."""

    path: str  # from the root of the repository
    text: str = field(repr=False)

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def ships(self) -> bool:
        """Whether users install it."""
        return self.path.startswith("src/")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def files(root: Path) -> dict[str, str]:
    """Text of every file that is ours, by path; vendored and binary files are left out."""
    if not (root / ".git").exists():
        pytest.skip("The house checks read git's list of files, and this is no git checkout.")
    # In a container the checkout often belongs to somebody else, which git refuses by default.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run([*git, "--exclude-standard"], cwd=root, capture_output=True, check=True)
    found = {}
    for path in sorted(set(filter(None, listed.stdout.decode().split("\0")))):
        if "vendor" in path or not (root / path).is_file():
            continue
        content = (root / path).read_bytes()
        if b"\0" not in content[:8192]:
            found[path] = content.decode()
    return found


@pytest.fixture(scope="session")
def sources(files: dict[str, str]) -> list[Source]:
    return [Source(path, text) for path, text in files.items() if path.endswith(".py")]


@pytest.fixture(scope="session")
def shipped(sources: list[Source]) -> list[Source]:
    return [source for source in sources if source.ships]


@pytest.fixture(scope="session")
def pages(files: dict[str, str]) -> dict[str, str]:
    """The READMEs and the guide."""
    guide = {
        path: text
        for path, text in files.items()
        if path.endswith(".md") and (path.startswith("README") or Path(path).parent == Path("docs"))
    }
    if "README.md" not in guide:
        pytest.skip("There is no README.md yet.")
    return guide


@pytest.fixture(scope="session")
def project(files: dict[str, str]) -> dict[str, Any]:
    return tomllib.loads(files["pyproject.toml"])
