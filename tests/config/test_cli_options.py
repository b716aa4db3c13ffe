"""Options of commands come from the fields of the configuration: names, defaults, bounds."""

import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from collectivesft import cli
from collectivesft.config import run
from collectivesft.config.arguments import arguments
from collectivesft.config.cli_options import options_of, values
from collectivesft.config.section import OptionOf, children

ENGINE = sorted({*run.Engine.model_fields} - {"kind"})
VERBS = {
    "raw fetch": {run.Source: ["folder", "checksums", "files"]},
    "curated clean": {run.Clean: [*run.Clean.model_fields]},
    "curated dedup": {run.Dedup: [*run.Dedup.model_fields]},
    "curated decontaminate": {run.Decontaminate: [*run.Decontaminate.model_fields]},
    "scores predict": {
        run.Protocol: [*run.Protocol.model_fields],
        run.Engine: ENGINE,
        run.Evaluation: ["limit"],
    },
    "scores answer-cases": {
        run.CaseAnswers: [*run.CaseAnswers.model_fields],
        run.Engine: ENGINE,
        run.Evaluation: ["limit"],
    },
    "scores judge": {run.Judge: [*run.Judge.model_fields]},
    "sft train": {run.RunConfig: ["report_to"]},
    "hub gguf": {run.GgufCopy: [*run.GgufCopy.model_fields]},
    "hub release": {run.ModelCard: [*run.ModelCard.model_fields]},
    "hub push": {run.Upload: [*run.Upload.model_fields]},
    "hub push-data": {run.Upload: [*run.Upload.model_fields]},
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_has_an_option_for_each_field_with_its_default(verb):
    stage, name = verb.split()
    commands = typer.main.get_group(cli.app).get_command(None, stage).commands
    options = {one.name: one for one in commands[name].params}
    for section, names in VERBS[verb].items():
        for name in names:
            field = section.model_fields[name]
            assert f"--{name.replace('_', '-')}" in options[name].opts
            assert options[name].required == field.is_required()
            if not field.is_required():
                assert options[name].default == field.default
            assert options[name].help


app = typer.Typer()


@app.command(
    cls=options_of("Protocol", "Judge", "Dedup.threshold", "Decontaminate", leave_out=["key_env"])
)
def show(context: typer.Context) -> None:
    """Print the values."""
    typer.echo(repr(values(context)))


SERVER = ("--url", "http://a/v1", "--model", "m")


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("Dedup", {"near_duplicates": False, "threshold": 0.5}, "--no-near-duplicates --thr"),
        ("Decontaminate", {"decontaminate": True, "allow_splits": ["val", "test"]}, "--allow-sp"),
        ("Protocol", {"orders": 3, "shots": 2, "shots_seed": None}, "--orders 3"),
        ("Judge", {"url": "http://a", "model": "a b'", "body": {"x": [1, "$y"]}}, "--model 'a b"),
        ("Upload", {"private": False}, "--public"),
        ("Upload", {"private": True}, "--private"),
    ],
)
def test_a_section_as_arguments_is_read_back(kind, settings, words):
    line = arguments(kind, settings)
    assert words in line and "None" not in line
    app = typer.Typer()
    found = {}

    @app.command(cls=options_of(kind))
    def take(context: typer.Context) -> None:
        found.update(values(context, kind))

    done = CliRunner().invoke(app, shlex.split(line))
    assert done.exit_code == 0, done.output
    section = getattr(run, kind)
    assert found == section.model_validate(settings).model_dump()


def test_values_have_the_types_of_their_fields():
    given = ("--shots", "3", "--orders", "4", "--max-tokens", "9", "--body", '{"a": [1]}')
    done = CliRunner().invoke(app, [*SERVER, *given, "--method", "likelihood"])
    assert done.exit_code == 0, done.output
    found = eval(done.output)  # of our own repr
    chosen = {"shots": 3, "orders": 4, "max_tokens": 9, "body": {"a": [1]}, "model": "m"}
    assert chosen.items() <= found.items() and found["method"] == "likelihood"
    assert "key_env" not in found and found["timeout"] == 120
    assert (found["threshold"], found["allow_splits"]) == (0.8, [])
    splits = ("--allow-splits", "val", "--allow-splits", "test", "--threshold", "1")
    chosen = eval(CliRunner().invoke(app, [*SERVER, *splits]).output)
    assert (chosen["threshold"], chosen["allow_splits"]) == (1, ["val", "test"])
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
        ("--threshold", "0", "allowed: a number, above 0, at most 1"),
        ("--threshold", "1.01", "allowed: a number, above 0, at most 1"),
        ("--allow-splits", "train", "allowed: val, test or unscored"),
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


def test_no_command_has_two_marked_fields_of_one_name():
    sections = [run.RunConfig, *(child for _, child, _ in children(run.RunConfig))]
    fields = [
        (command, name)
        for section in sections
        for name, field in section.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, OptionOf)
        for command in mark.commands
    ]
    assert len(fields) == len(set(fields)) and ("scores predict", "limit") in fields
    for command, name in fields:
        stage, verb = command.split()
        commands = typer.main.get_group(cli.app).get_command(None, stage).commands
        assert name in {one.name for one in commands[verb].params}, f"{command} knows no {name}"
