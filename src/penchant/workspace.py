"""A workspace: a settings file's folder, and the places of everything made from it."""

from dataclasses import dataclass
from pathlib import Path

from penchant.data.store import Store
from penchant.errors import DataError
from penchant.interest.task import Task, Window
from penchant.settings import FILE, Settings, load_settings


@dataclass(frozen=True)
class Workspace:
    """A settings file's folder, and the places of everything made from it."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, config: Path = Path(FILE)) -> "Workspace":
        """Open the workspace of a settings file."""
        return cls(config.parent, load_settings(config))

    @property
    def folder(self) -> Path:
        """Where everything is kept."""
        return self.root / self.settings.folder

    @property
    def model_folder(self) -> Path:
        """The fitted model."""
        return self.folder / "model"

    @property
    def backtest_folder(self) -> Path:
        """The last backtest's tables."""
        return self.folder / "backtest"

    @property
    def forecast_path(self) -> Path:
        """The last forecast."""
        return self.folder / "forecast.parquet"

    @property
    def recommender_folder(self) -> Path:
        """The fitted recommender."""
        return self.folder / "recommender"

    @property
    def recommendation_path(self) -> Path:
        """The last lists of everyone."""
        return self.folder / "recommendations.parquet"

    @property
    def release_folder(self) -> Path:
        """Releases, and which of them is promoted."""
        return self.folder / "releases"

    @property
    def report_path(self) -> Path:
        """The last report."""
        return self.folder / "report.html"

    @property
    def task(self) -> Task:
        """What the settings ask of a forecast."""
        asked = self.settings.forecast
        windows = tuple(Window.parse(name) for name in asked.windows)
        return Task(windows=windows, target=asked.target, step=asked.step)

    def store(self, *, create: bool = False) -> Store:
        """The store; DataError when nothing was ingested yet."""
        path = self.folder / "store"
        if (path / "manifest.json").exists():
            return Store.open(path)
        if not create:
            raise DataError(f"Nothing is ingested in {self.folder} yet. Run `penchant ingest`.")
        return Store.create(path)
