"""Reads bot.toml into frozen classes. The defaults are in default.toml, nowhere else."""

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariable

from config.errors import SettingsError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccountSettings(_Section):
    name: str = Field(min_length=1)


class PostingSettings(_Section):
    live: bool
    allow_pretrained: bool
    connect_timeout_seconds: float = Field(gt=0, le=60)
    read_timeout_seconds: float = Field(gt=0, le=300)


class ScheduleSettings(_Section):
    timezone: str
    cron: tuple[str, ...]
    late_minutes: int = Field(ge=0)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f'unknown time zone "{name}"; use an IANA name such as "Europe/Berlin"') from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class ReviewSettings(_Section):
    auto_approve: bool


class QueueSettings(_Section):
    low_water: int = Field(ge=1)
    target: int = Field(ge=1)

    @model_validator(mode="after")
    def _target_is_above(self) -> "QueueSettings":
        if self.target < self.low_water:
            raise ValueError("target must not be below low_water")
        return self


class SamplerSettings(_Section):
    top_n: int = Field(ge=1)
    temperature: float = Field(gt=0)
    batch: int = Field(ge=1, le=4096)
    max_length: int = Field(ge=1, le=25_000)


class FilterSettings(_Section):
    max_length_weighted: int = Field(ge=1, le=25_000)
    min_length_weighted: int = Field(ge=0)
    max_hashtags: int = Field(ge=0)
    hashtags: bool
    memorised_run: int = Field(ge=1)
    memorised_share: float = Field(ge=0, le=1)
    blocklist: bool
    blocked_words: tuple[str, ...]
    allowed_words: tuple[str, ...]


class StoreSettings(_Section):
    database_url: str


class Settings(BaseSettings):
    """One bot's settings; environment `BOT_<SECTION>__<KEY>`, then bot.toml, then default.toml."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="BOT_", env_nested_delimiter="__")

    account: AccountSettings
    posting: PostingSettings
    schedule: ScheduleSettings
    review: ReviewSettings
    queue: QueueSettings
    sampler: SamplerSettings
    filters: FilterSettings
    store: StoreSettings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        defaults = InitSettingsSource(settings_cls, init_kwargs=tomllib.loads(default_toml()))
        return env_settings, init_settings, defaults


def default_toml() -> str:
    """The text of default.toml: the defaults themselves, and the file that `bot init` writes."""
    return resources.files("config").joinpath("default.toml").read_text("utf-8")


def load_settings(path: Path) -> Settings:
    """The settings of one bot; a missing file means the defaults.

    Raises:
        SettingsError: the file is not TOML, or a key or value in it is not known; the message names both.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        return Settings(**values)
    except UnreadableVariable as exc:
        raise SettingsError(f"a BOT_ variable in the environment is not usable: {exc}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{path} is not valid TOML: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path} is not UTF-8 text: {exc.reason} at byte {exc.start}") from exc
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValidationError as exc:
        problems = "; ".join(_describe(error) for error in exc.errors())
        raise SettingsError(f"{path}: {problems}") from exc


def _describe(error: Any) -> str:
    section, *rest = (str(part) for part in error["loc"])
    where = f"[{section}] {'.'.join(rest)}".strip()
    if error["type"] != "extra_forbidden":
        return f"{where}: {error['msg'].removeprefix('Value error, ')}"
    known = tomllib.loads(default_toml())
    names = known[section] if rest and isinstance(known.get(section), dict) else known
    near = difflib.get_close_matches(rest[-1] if rest else section, names, n=1)
    return f"{where}: unknown key" + (f' (did you mean "{near[0]}"?)' if near else "")
