"""What is shipped is what works: the built wheel, away from the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel_folder(tmp_path_factory):
    """The built wheel, unpacked; built from a copy, as a build leaves files in its folder."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("bot", "config", "model", "training"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", source / "dist", source], check=True, timeout=300)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(wheel_folder, home, *arguments):
    """`bot` out of the wheel, from a folder that has a `config` and a `bot` of its own."""
    (home / "config").mkdir(exist_ok=True)
    (home / "bot").mkdir(exist_ok=True)
    code = "import bot, sys; from bot.cli import main; print(bot.__file__, file=sys.stderr); main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "--home", home, *arguments],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(wheel_folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_wheel_runs_the_daemon_with_its_own_model(wheel_folder, tmp_path):
    done = run(wheel_folder, tmp_path, "run", "--dry-run", "--every", "1s", "--posts", "1")

    assert done.returncode == 0, done.stderr
    assert str(wheel_folder) in done.stderr
    assert "dry posted" in done.stdout


def test_the_wheel_can_make_a_home_and_upgrade_its_database(wheel_folder, tmp_path):
    assert run(wheel_folder, tmp_path, "init").returncode == 0
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert "[schedule]" in (tmp_path / "bot.toml").read_text()

    done = run(wheel_folder, tmp_path, "db", "upgrade")

    assert done.returncode == 0, done.stderr
    assert run(wheel_folder, tmp_path, "status").returncode == 0


def test_the_wheel_holds_no_tests_scripts_or_state(wheel_folder):
    assert {path.name for path in wheel_folder.iterdir() if not path.name.endswith(".dist-info")} == {
        "bot",
        "config",
        "model",
        "training",
    }
