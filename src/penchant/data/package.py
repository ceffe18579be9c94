"""Data files that ship inside other Python packages."""

from importlib.util import find_spec
from pathlib import Path

from penchant.errors import DataError


def package_file(package: str, file: str, install: str) -> Path:
    """Path of `file` inside an installed `package`, which is found but never imported.

    `install` is the command that brings the package, for the message of the `DataError` raised
    where the package or the file is missing.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"This data set comes with the Python package '{package}', which isn't installed. "
            f"Run: {install}"
        )
    path = Path(spec.submodule_search_locations[0]) / file
    if not path.is_file():
        raise DataError(
            f"The installed package '{package}' holds no file '{file}' (looked for {path}). "
            f"Install the version that does: {install}"
        )
    return path
