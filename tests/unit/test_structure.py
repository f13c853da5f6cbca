"""The shape of the house: imports flow one way, and each foreign part has one home."""

import ast
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "model", "training", "bot")
MAY_IMPORT = {
    "config": {"config"},
    "model": {"model", "config"},
    "training": {"training", "model", "config"},
    "bot": {"bot", "model", "config", "training"},
}
# These commands may use training, inside their functions, when they run
TRAINING_USERS = {"bot/commands/data.py", "bot/commands/train.py", "bot/commands/search.py", "bot/commands/model.py"}
HOMES = {
    "tweepy": "bot/twitter.py",
    "apscheduler": "bot/schedule.py",
    "sqlalchemy": "bot/store/",
    "alembic": "bot/store/",
    "tensorflow": "training/",
    "keras": "training/network.py",
    "matplotlib": "training/export.py",
    "hyperopt": "training/search/",
    "psutil": "training/search/running.py",
    "pyspark": "training/search/spark.py",
}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imports_of(path: Path, *, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return found | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_flow_one_way(path):
    package = path.relative_to(ROOT).parts[0]

    own = {name.partition(".")[0] for name in imports_of(path)} & set(PACKAGES)

    assert own <= MAY_IMPORT[package]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_bot_imports_training_only_when_such_a_command_runs(path):
    name = str(path.relative_to(ROOT))
    if not name.startswith("bot/"):
        return

    assert not any(module.startswith("training") for module in imports_of(path, top_level_only=True))
    if name not in TRAINING_USERS:
        assert not any(module.startswith("training") for module in imports_of(path))


@pytest.mark.parametrize(("library", "home"), HOMES.items())
def test_a_library_is_imported_in_its_home_only(library, home):
    users = {
        str(path.relative_to(ROOT))
        for path in modules()
        if any(module.partition(".")[0] == library for module in imports_of(path))
    }

    assert users
    assert all(user.startswith(home) for user in users)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_other_distribution_owns_our_import_names(package):
    """pip overwrites a generic name like `config` without a word, and deletes it when the other one goes."""
    assert set(metadata.packages_distributions()[package]) == {"starling-bot"}


def test_importing_the_command_line_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "hyperopt", "tweepy", "sqlalchemy", "numpy", "apscheduler", "alembic", "h5py")
    code = f"import sys, bot.cli; print([m for m in {heavy} if m in sys.modules])"

    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_is_in_it(path):
    source = path.read_text("utf-8")

    assert not source.strip() or ast.get_docstring(ast.parse(source))
