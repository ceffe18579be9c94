"""Commands as tests run them."""

import json

from typer.testing import CliRunner

from penchant.cli import app


def run(*words):
    """Run a command; anything but a clean exit is a failure of the test."""
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "120"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*words, code=0):
    """What a command writes as JSON."""
    result = run(*words, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)
