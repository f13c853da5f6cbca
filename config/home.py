"""Where one bot's files lie. Nothing here touches the disk."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The folder of one bot: `--home DIR`, else BOT_HOME, else ./data."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "bot.toml"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.env"

    @property
    def database(self) -> Path:
        return self.root / "bot.sqlite3"

    @property
    def lock(self) -> Path:
        return self.root / "daemon.lock"

    @property
    def corpus(self) -> Path:
        return self.root / "corpus"

    @property
    def split(self) -> Path:
        return self.corpus / "split"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def searches(self) -> Path:
        return self.root / "searches"

    @property
    def live(self) -> Path:
        return self.checkpoints / "live.json"
