"""What the README says exists, exists; and the other way round."""

import re
from pathlib import Path

import typer

from bot.cli import app
from config import errors

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield (*path, name)
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def test_every_command_is_in_the_readme_and_has_help():
    everything = list(commands(typer.main.get_command(app)))

    assert len(everything) > 20
    for path in everything:
        assert f"`bot {' '.join(path)}`" in README, path


def test_every_exit_code_is_in_the_readme():
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.BotError)]
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}

    assert {c.exit_code for c in classes} | {0, 3, 130} == listed


def test_the_readme_names_no_option_that_a_command_lacks():
    group = typer.main.get_command(app)
    known = {option for command in walk(group) for parameter in command.params for option in names(parameter)}

    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) <= known | {"--help"}


def names(parameter):
    return [*parameter.opts, *parameter.secondary_opts]


def walk(command):
    yield command
    for child in getattr(command, "commands", {}).values():
        yield from walk(child)
