"""README and docs: every command in them runs, or is named here with the reason why it cannot.

A command that no line of PLANS matches fails, so that text and programs cannot drift apart:
``help`` runs nothing, but every option must exist; ``make`` is a dry run of make; ``plan`` is a dry
run of the workflow; ``real`` runs as it stands in a copy of the clone; ``bash`` is only parsed.
"""

import ast
import itertools
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer
import yaml

from collectivesft import cli
from tests.helpers import snakemake_server

ROOT = Path(__file__).parents[2]
DOCS = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "config/models/README.md",
]
GUIDES = ("quickstart", "extend", "configuration")  # with whole files
ENGINE = r"(?:[A-Z_]+=\S+ )*(?:workflow/bin/run|snakemake)\b"

# The first pattern that matches a command says how it is tried, and where it is only parsed, why.
PLANS: list[tuple[str, str, str]] = [
    (r"^collectivesft --install-completion$", "bash", "writes into the home folder"),
    (r"^collectivesft\b.* --help$|^collectivesft --help$", "real", ""),
    (r"^collectivesft (raw fetch|curated read|check) .*ward_(qa|exam)", "real", ""),
    (r"^collectivesft new ", "real", ""),
    (r"^(?:[A-Z_]+=\S+ )*collectivesft\b", "help", ""),
    (r"^python -m collectivesft\b", "help", ""),
    (r"^PYTHONPATH=src \S+ benchmarks/diversity_grid\.py( --measures)?$", "bash", "needs the grid"),
    (r"^(?:[A-Z_]+=\S+ )*make\b", "make", ""),
    (rf"^{ENGINE}.*(apptainer|conda|profile)", "bash", "needs images or a cluster"),
    (rf"^{ENGINE}", "plan", ""),
    (r"^PROFILE=\S+ workflow/bin/slurm\b", "bash", "needs Slurm; tests/slurm runs it"),
    (r"^workflow/bin/fingerprint\b", "bash", "needs a finished run; .ci/run runs it"),
    (r"^envs/install\b", "bash", "downloads an environment"),
    (r"^envs/converter\b", "bash", "downloads; tests/workflow/test_converter.py runs it"),
    (r"^(llama-cli|ollama)\b", "bash", "needs llama.cpp or Ollama"),
    (r"^rm -rf (results|logs)/", "bash", "removes results"),
    (r"^UPDATE_GOLDEN=1 (\S+ -m )?pytest\b", "bash", "writes into the repository"),
    (r"^tail -f ", "bash", "follows a training that runs"),
    (r"^snakedeploy\b", "bash", "clones; tests/workflow/test_module.py runs it"),
    (r"^vllm\b", "bash", "needs a GPU and vLLM"),
    (r"^(\S+ -m )?pytest\b", "bash", "a test inside of a test"),
    (r"^git clone\b|^cd |^cp -r|^export \w+=|^source |^tmux |^squeue\b", "bash", "the shell's"),
    (r"^(hf|pip|uv|python3?) ", "bash", "needs the Hub or an index"),
]  # fmt: skip


def fences(path: Path) -> list[tuple[str, str, str]]:
    """``(name of the file in the line above or "", language, content)`` of every fenced block."""
    text = path.read_text(encoding="utf-8")
    pattern = r"(?:^`([\w./-]+)`:\n\n)?^(`{3,})(\w*)[^\n]*\n(.*?)^\2$"
    return [(m[1] or "", m[3], m[4]) for m in re.finditer(pattern, text, re.M | re.S)]


def commands(path: Path) -> list[str]:
    """The commands in a file's bash blocks, comments and line continuations taken out."""
    found = []
    for _, language, content in fences(path):
        if language in ("bash", "sh", "shell", "console"):
            for line in content.replace("\\\n", " ").splitlines():
                line = re.sub(r"(^|\s)#.*$", "", line).strip()
                found += [part.strip() for part in re.split(r"&&|;(?!.*\")", line) if part.strip()]
    return found


ALL = [(path.name, command) for path in DOCS for command in commands(path)]


def environment() -> dict[str, str]:
    """A reader's, with the folder of real files that the pages call FOLDER (see ``copy``)."""
    return snakemake_server.with_command() | {"COLLECTIVESFT_REAL_DATA": "FOLDER"}


def place_real_files(folder: Path) -> None:
    """Make the files, empty, that configurations want of real data: a plan asks only for names."""
    for config in (ROOT / "config").glob("*.yaml"):
        for source in (yaml.safe_load(config.read_text("utf-8")).get("sources") or {}).values():
            if source.get("folder", "").startswith("$COLLECTIVESFT_REAL_DATA"):
                own = folder / source["folder"].removeprefix("$COLLECTIVESFT_REAL_DATA").lstrip("/")
                own.mkdir(parents=True, exist_ok=True)
                for name in source.get("files", []):
                    (own / name).parent.mkdir(parents=True, exist_ok=True)
                    (own / name).touch()


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    env = environment() | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the repository with the files that three guides show."""
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("src", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("Snakefile", "workflow", "resources", "envs", "paper", "containers", "Makefile", "benchmarks"):  # fmt: skip  # noqa: E501
        (folder / name).symlink_to(ROOT / name)
    place_real_files(folder / "FOLDER")
    shown = [f for page in GUIDES for f in fences(ROOT / f"docs/{page}.md")]
    for name, _, content in shown:
        if name:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
    return folder


def fault_of_a_command(command: str) -> str:
    """Parse a command with bash; returns what is wrong with it or nothing."""
    if plan_of_or_none(command) is None:
        return "no line of PLANS says how to try it"
    placeholders = re.sub(r"<[^<>]+>", "X", command)
    parsed = subprocess.run(["bash", "-n", "-c", placeholders], capture_output=True, text=True, check=False)  # fmt: skip  # noqa: E501
    return parsed.stderr if parsed.returncode else ""


def test_commands_are_known_and_parsed():
    assert len(ALL) > 50
    faults = [(file, command, fault_of_a_command(command)) for file, command in ALL]
    assert not [fault for fault in faults if fault[2]]


def bare_commands(path: Path) -> list[str]:
    """List the lines before the environment is activated that need a program of it."""
    text = re.split(r"source \.venv(?:-workflow)?/bin/activate", path.read_text("utf-8"))[0]
    block = r"^```(?:bash|sh)\n(.*?)^```"
    lines = "\n".join(re.findall(block, text, re.M | re.S)).splitlines()
    bare = r"(?:[A-Z_]+=\S+ )*(?:collectivesft|snakemake|pytest|python)\b"
    return [f"{path.name}: {line}" for line in lines if re.match(bare, line)]


def test_a_reader_has_what_the_commands_need():
    """A bare `collectivesft` is in no one's PATH: the environment that has it comes first."""
    assert not [line for path in DOCS for line in bare_commands(path)]


def chosen(how: str) -> list[str]:
    return sorted({command for _, command in ALL if plan_of_or_none(command) == how})


def plan_of_or_none(command: str) -> str | None:
    return next((how for pattern, how, _ in PLANS if re.search(pattern, command)), None)


INLINE = sorted(
    {
        code
        for path in DOCS
        for code in re.findall(r"`(collectivesft [a-z][^`\n]*)`", path.read_text(encoding="utf-8"))
    }
)


def fault_of_options(command: str) -> str:
    """Compare a command with the command line; returns what does not exist or nothing."""
    words = command.split("collectivesft ", 1)[1].partition(" -- ")[0].split()
    group = typer.main.get_group(cli.app)
    if words[0].isupper() or words[0].startswith("-"):  # STAGE VERB, --help
        return ""
    stage = group.get_command(None, words[0])
    if stage is None:
        return f"{command}: no stage {words[0]!r}"
    of_the_root = not hasattr(stage, "commands")  # such as ask
    if len(words) == 1 or not (of_the_root or re.match(r"[a-z]", words[1])):
        return ""
    verb = stage if of_the_root else stage.commands.get(words[1])
    if verb is None:
        return f"{command}: no verb {words[1]!r} in stage {words[0]}"
    known = {"--help"} | {name for p in verb.params for name in (*p.opts, *p.secondary_opts)}
    used = {word.partition("=")[0] for word in words[2:] if word.startswith("--")}
    return "" if used <= known else f"{command}: no option {', '.join(sorted(used - known))}"


def test_stage_verb_and_options_exist():
    given = [*chosen("help"), *INLINE]
    assert len(given) > 10
    assert not [fault for command in given if (fault := fault_of_options(command))]


def test_the_guide_lists_every_file_that_make_real_reads():
    config = yaml.safe_load((ROOT / "config/real.yaml").read_text("utf-8"))
    text = (ROOT / "docs/reproduce.md").read_text("utf-8")
    for name, source in config["sources"].items():
        folder = Path(source["folder"].removeprefix("$COLLECTIVESFT_REAL_DATA").lstrip("/"))
        for file in source.get("files", ["{dev,test}/*.csv"]):
            assert f"| `{folder / file}` |" in text, name
    kinds = [kind for kind, _ in (name.split("/") for name in config["sources"])]
    numbers = {7: "seven", 4: "four"}
    said = f"{numbers[kinds.count('datasets')]} datasets and {numbers[kinds.count('benchmarks')]}"
    assert f"real files of {said} benchmarks" in (ROOT / "README.md").read_text("utf-8")


def test_make_knows_its_targets():
    assert chosen("make")
    clean = [re.sub(r"^(?:[A-Z_]+=\S+ )*make", "make --dry-run", it) for it in chosen("make")]
    done = {command: run(command, ROOT) for command in clean}
    assert not [(command, it.stderr) for command, it in done.items() if it.returncode]


def test_configurations_that_make_is_given_exist():
    named = {name for command in chosen("make") for name in re.findall(r"CONFIG=(\S+)", command)}
    shown = {name for page in GUIDES for name, _, _ in fences(ROOT / f"docs/{page}.md")}
    assert not [name for name in named - shown if not (ROOT / name).is_file()]


def test_guides_show_the_files_that_they_name():
    shown = {name for page in GUIDES for name, _, _ in fences(ROOT / f"docs/{page}.md")}
    assert {"config/first.yaml", "config/mine.yaml", "config/ward.yaml"} <= shown


def test_the_two_commands_of_the_readme():
    first = next(
        content for _, language, content in fences(ROOT / "README.md") if language == "bash"
    )
    assert [line.split("#")[0].strip() for line in first.splitlines()][1:] == [
        "make demo",
        "make test",
    ]


@pytest.mark.parametrize("command", chosen("real"))
def test_a_command_runs_as_it_stands(command, copy):
    if command.endswith("--help"):
        command = command.replace("collectivesft", "python -m collectivesft", 1)
    elif "curated read" in command and not (copy / "my/ward_qa/manifest.json").is_file():
        earlier = next(c for c in chosen("real") if "raw fetch" in c)
        assert run(earlier, copy).returncode == 0
    done = run(command, copy)
    assert done.returncode == 0, done.stderr


def test_the_worked_dataset_reads_what_the_guide_says(copy):
    import polars as pl

    worked = [c for c in commands(ROOT / "docs/extend.md") if c.startswith("collectivesft")]
    for command in [c for c in worked if "ward_qa" in c]:
        done = run(command, copy)
        assert done.returncode == 0, done.stderr
    kept = pl.read_parquet(copy / "my/read.parquet")
    assert kept["id"].to_list() == ["ward_qa:1", "ward_qa:2"]
    first = kept["messages"][0].to_list()
    assert first[0] == {"role": "user", "content": "心内科患者问：阿司匹林应该饭前还是饭后吃？"}
    assert pl.read_parquet(copy / "my/dropped.parquet")["reason"].to_list() == ["empty_question"]
    ledger = json.loads((copy / "my/ledger.json").read_text("utf-8"))["datasets"]["ward_qa"]
    assert (ledger["rows_in"], ledger["kept"]) == (3, 2)


def dry(command: str) -> str:
    """A command of the workflow as a dry run of Snakemake that says what it would do."""
    words = shlex.split(command)
    if words[0] == "workflow/bin/run":
        words = ["snakemake", "--configfile", *words[1:]]
    kept = [word for word in words if word not in ("-n", "--dry-run")]
    if "--quiet" in kept:  # with what it hides
        start = kept.index("--quiet")
        hidden = itertools.takewhile(lambda word: not word.startswith("-"), kept[start + 1 :])
        del kept[start : start + 1 + len(list(hidden))]
    return shlex.join([*kept, "--dry-run"])


@pytest.mark.slow
def test_a_dataset_without_code_goes_through_the_workflow(copy):
    import polars as pl

    target = "results/ward/2_curated/ward_exam/clean.parquet"
    done = run(f"snakemake --configfile config/ward.yaml --cores 1 {target}", copy)
    assert done.returncode == 0, done.stderr
    kept = pl.read_parquet(copy / target)
    assert kept["id"].to_list() == ["ward_exam:1", "ward_exam:2"]
    assert [turn["content"] for turn in kept["messages"][0].to_list()] == [
        "心内科考题：\n胸痛首选的检查是？\nA: 心电图\nB: 胃镜\nC: 脑电图",
        "先排除心肌梗死。\n答案是A。",
    ]
    ledger = json.loads((copy / target).with_name("read.ledger.json").read_text("utf-8"))
    assert ledger["forms"]["ward_exam"] == "options are a, b, c; right counts from 1"
    assert ledger["datasets"]["ward_exam"]["dropped"] == {"bad_answer": 1}


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted({dry(command) for command in chosen("plan")}))
def test_the_workflow_plans_what_a_command_asks_for(command, copy):
    """A dry run; config/config.yaml is the default of a bare snakemake."""
    written = copy / "config/experiments/my-first.yaml"
    if "config/first.yaml" in command and not written.is_file():
        written.write_text((copy / "config/experiments/tiny.yaml").read_text("utf-8"), "utf-8")
    done = run(command, copy)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^total +\d+$", done.stdout + done.stderr, re.M)


@pytest.mark.slow
def test_the_worked_experiment_is_planned_with_its_dataset_and_model(copy):
    # All of it: a test before this one may have made a part.
    done = run("snakemake --configfile config/ward.yaml --cores 1 --dry-run --forceall", copy)
    assert done.returncode == 0, done.stderr
    whole = done.stdout + done.stderr
    assert "results/ward/2_curated/ward_qa/read.parquet" in whole
    assert "config/models/ward-random.yaml" in whole
    assert "results/ward/3_sft/ward/model" in whole
    names = yaml.safe_load((copy / "config/ward.yaml").read_text("utf-8"))["datasets"]
    assert f"{len(names)}" in re.search(r"curated_read +(\d+)", whole)[1]


# extend.md's files are planned as a whole above; extend-benchmark.md's run in tests/datasets.
SNIPPETS = [
    (path.name, language, content)
    for path in DOCS
    for name, language, content in fences(path)
    if language in ("yaml", "python") and not name
]


@pytest.mark.parametrize(("file", "language", "content"), SNIPPETS)
def test_a_snippet_is_what_the_configuration_or_python_takes(
    file, language, content, tmp_path, monkeypatch
):
    if language == "python":
        assert ast.parse(content).body
        return
    if file == "extend-benchmark.md":  # its benchmark is added by tests/datasets/test_extend.py
        assert block_runs_elsewhere(content)
        return
    for name in ("NLPEC", "VLLM_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "workflow"))
    import preflight

    overlay = tmp_path / "snippet.yaml"
    overlay.write_text(f"run: snippet\n{content}", encoding="utf-8")
    found = preflight.config_check.load(ROOT, overlay)
    assert yaml.safe_load(content).keys() <= found.keys()


def test_another_workflow_takes_this_one_as_a_module(tmp_path):
    """Snakemake reads the guide's snippet and lists the rules under the module's name."""
    (content,) = [
        body for _, language, body in fences(ROOT / "docs/snakemake.md") if language == "snakemake"
    ]
    assert "/path/to/collectivesft/" in content
    content = content.replace("/path/to/collectivesft/", f"{ROOT}/")
    (tmp_path / "Snakefile").write_text(content, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("collectivesft: {run: mine}\n", encoding="utf-8")
    done = run("snakemake --list-rules --configfile mine.yaml", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"collectivesft_all", "collectivesft_sft_train"} <= set(done.stdout.split())


def block_runs_elsewhere(content: str) -> bool:
    """Return True if the walk-through's test takes this language's blocks from the guide."""
    text = (ROOT / "tests/datasets/test_extend.py").read_text("utf-8")
    return 'block("yaml"' in text and "benchmarks:" in content


def test_what_is_only_parsed_has_a_reason_and_the_guides_say_so():
    assert all(why for _, how, why in PLANS if how == "bash")
    assert not any(why for _, how, why in PLANS if how != "bash")
    assert "only parsed" in (ROOT / "docs/README.md").read_text("utf-8")


def broken_links(path: Path) -> list[str]:
    """List the links of a file to files or headings that do not exist."""
    broken = []
    text = re.sub(r"^(`{3,}).*?^\1$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            broken.append(f"{path.name}: {target}")
        elif anchor and there.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            broken += [f"{path.name}: {target}"] if anchor not in slugs else []
    return broken


def test_links_between_files_lead_somewhere():
    assert not [link for path in DOCS for link in broken_links(path)]


def test_the_readme_is_short_and_both_languages_have_the_same_content():
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    words = [word for word in english.read_text("utf-8").split() if re.search(r"\w", word)]
    assert len(words) < 700
    assert commands(english) == commands(chinese)
    parts = []
    for path in (english, chinese):
        text = path.read_text("utf-8").replace("README.zh.md", "README.md")
        links = sorted(set(re.findall(r"\]\(([^)\s]+)\)", text)))
        numbers = sorted(set(re.findall(r"\d+(?:[.,]\d+)*", text)))
        code = sorted(set(re.findall(r"`([^`\n]+)`", text)))
        heads = len(re.findall(r"^## ", text, re.M))
        parts.append((heads, text.count("\n|"), links, numbers, code))
    assert parts[0] == parts[1]
