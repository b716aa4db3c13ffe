"""Verbs of stage sft."""

from pathlib import Path
from typing import Annotated

import typer

from collectivesft.config.cli_options import options_of, values

app = typer.Typer(no_args_is_help=True)

Base = Annotated[Path, typer.Option(help="Folder of the base model, from `sft base`.")]
Recipe = Annotated[Path, typer.Option(help="YAML file of the experiment.")]
Out = Annotated[Path, typer.Option(help="Folder to write.")]


@app.callback()
def _stage() -> None:
    """Supervised fine-tuning of a base model on a mixture."""


@app.command()
def base(
    model: Annotated[Path, typer.Option(help="YAML file of the base model.")],
    manifest: Annotated[Path, typer.Option(help="Manifest that `raw fetch-model` wrote.")],
    out: Out,
    template: Annotated[
        Path | None, typer.Option(help="File of the model's own chat template, in full.")
    ] = None,
) -> None:
    """Make a base model's raw files one plain folder of safetensors and tokenizer.

    Example: collectivesft sft base --model config/models/gemma-3-270m.yaml
    --manifest raw/gemma/manifest.json --out models/gemma-3-270m
    """
    from collectivesft.sft.base import make_base

    make_base(model, manifest, out, template)


@app.command()
def tokenize(
    train: Annotated[Path, typer.Option(help="Parquet file of training examples.")],
    validation: Annotated[Path, typer.Option(help="Parquet file of held-out examples.")],
    base: Base,
    recipe: Recipe,
    out: Out,
    threads: Annotated[int, typer.Option(min=1, help="Processes; the bytes stay the same.")] = 1,
    cache: Annotated[Path | None, typer.Option(help="Folder of tokens made before.")] = None,
) -> None:
    """Turn a mixture into tokens, once, with a mask of what carries loss.

    Example: collectivesft sft tokenize --train train.parquet --validation validation.parquet
    --base models/gemma-3-270m --recipe config/experiments/demo.yaml --out tokens
    """
    from collectivesft.sft.tokenize import tokenize as run

    run(train, validation, base, recipe, out, threads, cache)


@app.command()
def lengths(
    examples: Annotated[Path, typer.Option(help="Parquet file of curated examples.")],
    base: Base,
    recipe: Recipe,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    threads: Annotated[int, typer.Option(min=1, help="Processes; the bytes stay the same.")] = 1,
) -> None:
    """Count the training tokens of each example, for a mixture with a budget of tokens.

    Example: collectivesft sft lengths --examples clear.parquet --base models/gemma-3-270m
    --recipe config/experiments/demo.yaml --out lengths.parquet
    """
    from collectivesft.sft.token_lengths import measure_lengths

    measure_lengths(examples, base, recipe, out, threads)


@app.command(cls=options_of(of="sft perplexity"))
def perplexity(
    context: typer.Context,
    train: Annotated[Path, typer.Option(help="Parquet file of training examples.")],
    base: Base,
    recipe: Recipe,
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    examples: Annotated[
        int, typer.Option(min=1, help="Examples sampled from each dataset by a fixed seed.")
    ],
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; part of the result.")] = 1,
) -> None:
    """Measure the perplexity of each dataset's answers under the base model.

    Example: collectivesft sft perplexity --train train.parquet --base models/gemma-3-270m
    --recipe config/experiments/demo.yaml --examples 200 --out perplexity.json
    """
    from collectivesft.sft.perplexity import measure_perplexity

    measure_perplexity(train, base, recipe, out, examples, threads, **values(context))


@app.command(cls=options_of(of="sft diversity"))
def diversity(
    context: typer.Context,
    train: Annotated[Path, typer.Option(help="Parquet file of training examples.")],
    base: Base,
    recipe: Recipe,
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    examples: Annotated[
        int, typer.Option(min=2, help="Examples sampled by a fixed seed, at most so many.")
    ],
    pool: Annotated[
        Path | None,
        typer.Option(help="Parquet file of curated examples: where they are dense, for NovelSum."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; part of the result.")] = 1,
) -> None:
    """Measure how varied a mixture is by the base model's hidden states: Vendi score, NovelSum.

    Example: collectivesft sft diversity --train train.parquet --pool decontaminate.parquet
    --base models/gemma-3-270m --recipe config/experiments/demo.yaml --examples 200
    --out diversity.json
    """
    from collectivesft.sft.diversity import measure_diversity

    measure_diversity(train, base, recipe, out, examples, threads, pool, **values(context))


@app.command(cls=options_of("RunConfig.report_to"))
def train(
    context: typer.Context,
    tokens: Annotated[Path, typer.Option(help="Folder that `sft tokenize` wrote.")],
    base: Base,
    recipe: Recipe,
    checkpoints: Annotated[Path, typer.Option(help="Working folder; a killed run resumes here.")],
    history: Annotated[Path, typer.Option(help="JSON Lines file for the loss at each step.")],
    out: Out,
    threads: Annotated[int, typer.Option(help="CPU threads; part of the result on a CPU.")] = 2,
    costs: Annotated[Path | None, typer.Option(help="JSON file: time, operations, energy.")] = None,
    tracker_folder: Annotated[Path, typer.Option(help="Folder for the trackers' files.")] = Path(
        "trackers"
    ),
    tracker_run: Annotated[
        str, typer.Option(help="project/name of this training in a tracker.")
    ] = "collectivesft/training",
    seed: Annotated[int | None, typer.Option(min=0, help="One of the recipe's `seeds`.")] = None,
) -> None:
    """Train; resume from the last checkpoint if there is one.

    Example: collectivesft sft train --tokens tokens --base models/gemma-3-270m
    --recipe config/experiments/demo.yaml --checkpoints checkpoints --history history.jsonl
    --out trained
    """
    from collectivesft.sft.loop.trackers import Tracking
    from collectivesft.sft.train import train as run

    asked = tuple(dict.fromkeys(values(context)["report_to"]))
    tracking = Tracking(asked, tracker_folder, tracker_run) if asked else None
    run(tokens, base, recipe, checkpoints, history, out, threads, costs, tracking, seed)


@app.command()
def merge(
    base: Base,
    trained: Annotated[Path, typer.Option(help="Folder that `sft train` wrote.")],
    recipe: Recipe,
    out: Out,
) -> None:
    """Write the trained model as one plain folder, adapters merged into the weights.

    Example: collectivesft sft merge --base models/gemma-3-270m --trained trained
    --recipe config/experiments/demo.yaml --out model
    """
    from collectivesft.sft.merge import merge as run

    run(base, trained, recipe, out)


@app.command()
def plan(
    model: Annotated[Path, typer.Option(help="YAML file of the base model; no weights are read.")],
    recipe: Recipe,
    examples: Annotated[int, typer.Option(min=1, help="Training examples of one epoch.")],
    mean_tokens: Annotated[float, typer.Option(min=1, help="Mean tokens of an example.")],
    gpu: Annotated[str, typer.Option(help="Kind of GPU; a wrong one lists those known.")],
    gpus: Annotated[int, typer.Option(min=1, help="GPUs of the job.")] = 1,
    mfu: Annotated[float, typer.Option(min=0.01, max=1, help="Share of the peak used.")] = 0.35,
    questions: Annotated[
        int, typer.Option(min=1, help="Questions of the benchmark, for the smallest gain.")
    ] = 11_200,
) -> None:
    """Estimate memory, time and the smallest gain of a training before it starts.

    `sft tokenize` writes examples and tokens to tokens.json. A share of 0.33 to 0.39 of the peak
    is what torchtitan reports for Llama-3.1-8B, full, on eight H100.

    Example: collectivesft sft plan --model config/models/internlm2_5-7b.yaml
    --recipe config/experiments/collective.yaml --examples 4270000 --mean-tokens 250
    --gpu h100-80gb --gpus 8
    """
    from collectivesft.common.significance import power_words
    from collectivesft.config.experiment import read_experiment, read_model
    from collectivesft.sft.distributed.gpu_specs import GPUS
    from collectivesft.sft.plan import estimate, render

    if gpu not in GPUS:
        raise typer.BadParameter(f"known are {', '.join(GPUS)}", param_hint="--gpu")
    experiment = read_experiment(recipe)
    training = experiment.training
    content = read_model(model)
    found = estimate(model, content, training, examples, mean_tokens, gpu, gpus, mfu)
    trainings = experiment.draws or len(experiment.seeds or [training.seed])
    typer.echo(render(found, gpu, gpus, mfu, trainings))
    typer.echo(power_words(questions))


@app.command()
def to_internlm2(
    model: Annotated[Path, typer.Option(help="Folder of a Llama model, from `sft merge`.")],
    out: Out,
) -> None:
    """Write a Llama model in InternLM2's layout, for engines that know it by that name.

    Example: collectivesft sft to-internlm2 --model model --out model-internlm2
    """
    from collectivesft.models.convert.internlm2 import from_llama

    from_llama(model, out)
