"""The four keys of an X account: from the environment, or from a file only its owner can read."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import SettingsError

NAMES = (
    "TWITTER_CONSUMER_KEY",
    "TWITTER_CONSUMER_SECRET",
    "TWITTER_ACCESS_TOKEN",
    "TWITTER_ACCESS_TOKEN_SECRET",
)


@dataclass(frozen=True)
class Secrets:
    """OAuth 1.0a user keys; never printed, so that no log or traceback can hold one."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)

    @property
    def user_id(self) -> str:
        """X's id of the account: the part of an OAuth 1.0a access token before the dash."""
        return self.access_token.partition("-")[0]


def load_secrets(path: Path, environ: Mapping[str, str] = os.environ) -> Secrets:
    """The keys of this bot; a name in the environment wins over the same name in the file.

    Raises:
        SettingsError: a key is missing, or others than the owner may read the file.
    """
    values = _read_file(path) | {name: environ[name] for name in NAMES if environ.get(name)}
    missing = [name for name in NAMES if not values.get(name)]
    if missing:
        raise SettingsError(f"no {', '.join(missing)} in the environment or in {path}")
    return Secrets(*(values[name] for name in NAMES))


def _read_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsError(f'{path} can be read by others: run "chmod 600 {path}"')
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path} is not UTF-8 text") from exc
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc.strerror}") from exc
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}
