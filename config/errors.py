"""Every failure a person can meet, as one tree; each class owns its exit code.

BotError 1
├── CorpusError 2           text that cannot be trained on
├── UsageError 2            flags that contradict each other or the state of the home
├── SettingsError 20        bot.toml, secrets
├── ModelError 21           no usable model
├── NothingToPostError 22
├── LoginRefusedError 23
├── RateLimitedError 24
├── AlreadyRunningError 25
├── DatabaseTooNewError 26
└── StoreError 1            the database could not be read or written

The class docstring is the default message.
"""


class BotError(Exception):
    """Something expected went wrong."""

    exit_code = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or "")


class CorpusError(BotError):
    """The text cannot be trained on."""

    exit_code = 2


class UsageError(BotError):
    """These options do not go together."""

    exit_code = 2


class SettingsError(BotError):
    """The settings are not usable."""

    exit_code = 20


class ModelError(BotError):
    """There is no usable model: run "bot train" first."""

    exit_code = 21


class NothingToPostError(BotError):
    """No tweet is approved: run "bot review" first."""

    exit_code = 22


class LoginRefusedError(BotError):
    """X refused the keys."""

    exit_code = 23


class RateLimitedError(BotError):
    """X asked to wait."""

    exit_code = 24


class AlreadyRunningError(BotError):
    """Another daemon is running on this home."""

    exit_code = 25


class DatabaseTooNewError(BotError):
    """The database was written by a newer version of this program: upgrade the program."""

    exit_code = 26


class StoreError(BotError):
    """The database could not be read or written."""
