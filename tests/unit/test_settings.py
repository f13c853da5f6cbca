"""Settings and secrets of one bot."""

import os
import tomllib

import pytest
from pydantic import BaseModel

from config.errors import SettingsError
from config.secrets import NAMES, load_secrets
from config.settings import Settings, default_toml, load_settings

KEYS = {name: f"{4711 + i}-{name.lower()}-value" for i, name in enumerate(NAMES)}


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch):
    for name in [n for n in os.environ if n.startswith(("BOT_", "TWITTER_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def toml(tmp_path):
    """Writes bot.toml and gives its path."""

    def write(text: str | bytes):
        path = tmp_path / "bot.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def secrets_file(tmp_path):
    path = tmp_path / "secrets.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in KEYS.items()), "utf-8")
    path.chmod(0o600)
    return path


def test_default_file_and_classes_have_the_same_keys():
    defaults = tomllib.loads(default_toml())
    classes: dict[str, set[str]] = {}
    for section, field in Settings.model_fields.items():
        assert isinstance(field.annotation, type)
        assert issubclass(field.annotation, BaseModel)
        classes[section] = set(field.annotation.model_fields)

    assert {section: set(keys) for section, keys in defaults.items()} == classes


def test_no_class_has_a_default_of_its_own():
    sections = [field.annotation for field in Settings.model_fields.values()]

    assert not [name for s in sections for name, field in s.model_fields.items() if not field.is_required()]


def test_missing_file_means_the_defaults(tmp_path):
    settings = load_settings(tmp_path / "bot.toml")

    assert settings.model_dump(mode="json") == tomllib.loads(default_toml())


def test_default_file_is_a_valid_file(toml):
    assert load_settings(toml(default_toml())) == load_settings(toml(""))


def test_file_wins_over_the_default_key_by_key(toml):
    settings = load_settings(toml('[sampler]\ntop_n = 3\n[account]\nname = "kite"\n'))

    assert settings.sampler.top_n == 3
    assert settings.account.name == "kite"
    assert settings.sampler.batch == tomllib.loads(default_toml())["sampler"]["batch"]


def test_environment_wins_over_the_file(toml, monkeypatch):
    monkeypatch.setenv("BOT_SAMPLER__TOP_N", "7")

    settings = load_settings(toml("[sampler]\ntop_n = 3\nbatch = 2\n"))

    assert (settings.sampler.top_n, settings.sampler.batch) == (7, 2)


def test_home_in_the_environment_is_no_setting(toml, monkeypatch):
    monkeypatch.setenv("BOT_HOME", "/somewhere")

    load_settings(toml(""))


def test_posting_is_off_by_default(toml):
    settings = load_settings(toml(""))

    assert not settings.posting.live
    assert not settings.posting.allow_pretrained
    assert not settings.review.auto_approve


def test_settings_cannot_be_changed_afterwards(toml):
    settings = load_settings(toml(""))

    with pytest.raises(ValueError, match="frozen"):
        settings.posting.live = True


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[sampler]\ntemprature = 1\n", "[sampler] temprature", 'did you mean "temperature"?'),
        ("[filters]\nblocked_word = []\n", "[filters] blocked_word", 'did you mean "blocked_words"?'),
        ("[shedule]\nlate_minutes = 1\n", "[shedule]", 'did you mean "schedule"?'),
        ("lve = true\n", "[lve]", "unknown key"),
        ("[queue]\nxyzzy = 1\n", "[queue] xyzzy", "unknown key"),
    ],
)
def test_unknown_key_names_the_key_and_the_near_one(toml, text, key, near):
    path = toml(text)

    with pytest.raises(SettingsError) as caught:
        load_settings(path)

    assert str(path) in str(caught.value)
    assert key in str(caught.value)
    assert near in str(caught.value)


def test_every_problem_is_named_at_once(toml):
    with pytest.raises(SettingsError, match=r"top_n.*\[sampler\] temperature") as caught:
        load_settings(toml("[sampler]\ntop_n = 0\ntemperature = 0\n"))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "Europe", "/etc/passwd", "../UTC"])
def test_unknown_time_zone_is_named(toml, zone):
    with pytest.raises(SettingsError, match=r"\[schedule\] timezone") as caught:
        load_settings(toml(f'[schedule]\ntimezone = "{zone}"\n'))

    assert f'"{zone}"' in str(caught.value)
    assert "Europe/Berlin" in str(caught.value)


def test_known_time_zone_is_a_zone(toml):
    assert load_settings(toml('[schedule]\ntimezone = "Asia/Tokyo"\n')).schedule.zone.key == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[queue]\nlow_water = "ten"\n', "[queue] low_water"),
        ("[sampler]\ntemperature = 0\n", "[sampler] temperature"),
        ("[sampler]\ntemperature = nan\n", "[sampler] temperature"),
        ("[sampler]\nbatch = 5000\n", "[sampler] batch"),
        ("[filters]\nmemorised_share = 1.5\n", "[filters] memorised_share"),
        ('[schedule]\ncron = "0 9 * * *"\n', "[schedule] cron"),
        ('[filters]\nblocked_words = ["a", 1]\n', "[filters] blocked_words.1"),
        ('[account]\nname = ""\n', "[account] name"),
        ("account = 5\n", "[account]"),
        ("[queue]\nlow_water = 9\ntarget = 8\n", "[queue]: target must not be below low_water"),
    ],
)
def test_unusable_value_names_file_and_key(toml, text, key):
    path = toml(text)

    with pytest.raises(SettingsError) as caught:
        load_settings(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert key in str(caught.value)


@pytest.mark.parametrize("text", ["[sampler\n", "top_n = \n", "a = 1\na = 2\n"])
def test_file_that_is_not_toml_is_refused_with_its_line(toml, text):
    with pytest.raises(SettingsError, match=r"bot\.toml is not valid TOML.*line"):
        load_settings(toml(text))


def test_file_that_is_not_utf8_is_refused(toml):
    with pytest.raises(SettingsError, match=r"bot\.toml is not UTF-8"):
        load_settings(toml('[account]\nname = "café"\n'.encode("latin-1")))


def test_folder_in_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "bot.toml").mkdir()

    with pytest.raises(SettingsError, match=r"bot\.toml cannot be read"):
        load_settings(tmp_path / "bot.toml")


def test_bad_value_in_the_environment_is_refused(toml, monkeypatch):
    monkeypatch.setenv("BOT_SAMPLER__TOP_N", "many")

    with pytest.raises(SettingsError, match=r"\[sampler\] top_n"):
        load_settings(toml(""))


def test_list_in_the_environment_that_is_no_json_is_refused(toml, monkeypatch):
    monkeypatch.setenv("BOT_SCHEDULE__CRON", "0 9 * * *")

    with pytest.raises(SettingsError, match=r"(?i)schedule"):
        load_settings(toml(""))


def test_section_in_the_environment_that_is_no_json_is_refused(toml, monkeypatch):
    monkeypatch.setenv("BOT_SAMPLER", "fast")

    with pytest.raises(SettingsError, match=r"(?i)sampler"):
        load_settings(toml(""))


def test_secrets_are_read_from_the_file(secrets_file):
    secrets = load_secrets(secrets_file, {})

    assert secrets.consumer_key == KEYS["TWITTER_CONSUMER_KEY"]
    assert secrets.consumer_secret == KEYS["TWITTER_CONSUMER_SECRET"]
    assert secrets.access_token == KEYS["TWITTER_ACCESS_TOKEN"]
    assert secrets.access_token_secret == KEYS["TWITTER_ACCESS_TOKEN_SECRET"]


def test_secrets_need_no_file(tmp_path):
    assert load_secrets(tmp_path / "none.env", KEYS).access_token == KEYS["TWITTER_ACCESS_TOKEN"]


def test_name_in_the_environment_wins_over_the_file(secrets_file):
    secrets = load_secrets(secrets_file, {"TWITTER_ACCESS_TOKEN": "99-new", "TWITTER_CONSUMER_KEY": ""})

    assert secrets.access_token == "99-new"
    assert secrets.consumer_key == KEYS["TWITTER_CONSUMER_KEY"]


def test_secrets_file_may_hold_comments_quotes_and_equals_signs(secrets_file):
    lines = ["# my keys", "", "OTHER=1", "  #TWITTER_CONSUMER_KEY=old"]
    values = dict(zip(NAMES, ['"a=="', "'b'", " c ", "d#e"], strict=True))
    secrets_file.write_text("\r\n".join([*lines, *(f"{n} = {v}" for n, v in values.items())]), "utf-8")

    secrets = load_secrets(secrets_file, {})

    assert secrets.consumer_key == "a=="
    assert secrets.consumer_secret == "b"
    assert secrets.access_token == "c"
    assert secrets.access_token_secret == "d#e"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_secrets_file_that_others_can_touch_is_refused(secrets_file, mode):
    secrets_file.chmod(mode)

    with pytest.raises(SettingsError, match=f"chmod 600 {secrets_file}"):
        load_secrets(secrets_file, {})


def test_secrets_file_that_others_can_touch_is_refused_even_when_the_environment_has_all(secrets_file):
    secrets_file.chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        load_secrets(secrets_file, KEYS)


def test_missing_secrets_are_all_named(secrets_file):
    secrets_file.write_text(f"{NAMES[0]}=x\n{NAMES[2]}=\n", "utf-8")

    with pytest.raises(SettingsError) as caught:
        load_secrets(secrets_file, {})

    assert [name for name in NAMES if f"{name}," in f"{caught.value},".replace(" in", ",")] == list(NAMES[1:])
    assert str(secrets_file) in str(caught.value)


def test_secrets_file_that_is_not_text_is_refused(secrets_file):
    secrets_file.write_bytes(b"\xff\xfe\x00TWITTER")

    with pytest.raises(SettingsError, match=r"secrets\.env"):
        load_secrets(secrets_file, {})


def test_secrets_never_stand_in_their_repr(secrets_file):
    secrets = load_secrets(secrets_file, {})

    for text in (repr(secrets), str(secrets), f"{secrets}", repr([secrets])):
        assert not [value for value in KEYS.values() if value in text]


def test_secrets_never_stand_in_an_error(secrets_file):
    content = secrets_file.read_text("utf-8").replace(NAMES[0], "TYPO")
    secrets_file.write_text(content, "utf-8")

    with pytest.raises(SettingsError) as caught:
        load_secrets(secrets_file, {})

    assert not [value for value in KEYS.values() if value in str(caught.value)]


def test_account_id_is_the_part_of_the_token_before_the_dash(secrets_file):
    assert load_secrets(secrets_file, {"TWITTER_ACCESS_TOKEN": "123456-abc-def"}).user_id == "123456"
