"""Options of commands come from the fields of the configuration: names, defaults, bounds."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from collectivesft.config import run
from collectivesft.config.cli_options import options_of, values
from collectivesft.scores import cli

VERBS = {
    "predict": (run.Protocol, run.Engine),
    "answer-cases": (run.Engine,),
    "judge": (run.Judge,),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_has_an_option_for_each_field_with_its_default(verb):
    options = {one.name: one for one in typer.main.get_group(cli.app).commands[verb].params}
    for section in VERBS[verb]:
        for name, field in section.model_fields.items():
            if (section, name) == (run.Engine, "kind"):
                continue
            assert f"--{name.replace('_', '-')}" in options[name].opts
            assert options[name].required == field.is_required()
            if not field.is_required():
                assert options[name].default == field.default
            assert options[name].help


app = typer.Typer()


@app.command(cls=options_of("Protocol", "Judge", leave_out=["key_env"]))
def show(context: typer.Context) -> None:
    """Print the values."""
    typer.echo(repr(values(context)))


SERVER = ("--url", "http://a/v1", "--model", "m")


def test_values_have_the_types_of_their_fields():
    given = ("--shots", "3", "--orders", "4", "--max-tokens", "9", "--body", '{"a": [1]}')
    done = CliRunner().invoke(app, [*SERVER, *given, "--method", "likelihood"])
    assert done.exit_code == 0, done.output
    found = eval(done.output)  # of our own repr
    chosen = {"shots": 3, "orders": 4, "max_tokens": 9, "body": {"a": [1]}, "model": "m"}
    assert chosen.items() <= found.items() and found["method"] == "likelihood"
    assert "key_env" not in found and found["timeout"] == 120
    named = CliRunner().invoke(app, [*SERVER, "--orders", "rotations"])
    assert eval(named.output)["orders"] == "rotations"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--shots", "-1", "greater than or equal to 0"),
        ("--max-tokens", "0", "greater than or equal to 1"),
        ("--orders", "1", "allowed: published or rotations or a whole number, at least 2"),
        ("--orders", "all", "allowed: published or rotations or a whole number, at least 2"),
        ("--method", "guess", "generate"),
        ("--body", "[1]", "not a JSON object"),
        ("--body", "{", "not a JSON object"),
    ],
)
def test_a_value_beyond_its_field_is_refused(option, value, words):
    done = CliRunner().invoke(app, [*SERVER, option, value], env={"COLUMNS": "300"})
    assert done.exit_code == 2 and words in done.output, done.output


def test_a_list_of_commands_builds_no_section():
    code = "import sys\nfrom collectivesft.cli import app\ntry: app(['scores', '--help'])\n"
    code += "finally: print('collectivesft.config.run' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("False")
