"""Options that many verbs take."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
DEFAULT_CONFIG = Path("penchant.toml")
