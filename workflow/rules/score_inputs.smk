# Scores, answers and grades that rules take. Names are those of common.smk and inputs.smk.


def repeated_answers(model, benchmark, protocol):
    """Judged answers of a model's trainings with further seeds or draws."""
    return [f"{SCORES}/{name}/{benchmark}.{protocol}.answers.jsonl" for name in repeats(model)]


def seed_files(wildcards):
    """Summaries over seeds of every experiment that has several."""
    return [
        f"{SCORES}/{name}/{benchmark}.{protocol}.seeds.json"
        for benchmark in CHOICE
        for protocol in EVALUATION[benchmark]["protocols"]
        for name in EXPERIMENTS
        if repeats(name)
    ]


def contamination_base(wildcards):
    """Return judged answers of an experiment's base model."""
    base = RECIPES[wildcards.experiment].base
    return f"{SCORES}/{base}/{wildcards.benchmark}.{wildcards.protocol}.answers.jsonl"


def contamination_files(wildcards):
    """Return the effect of contamination of every experiment, by the headline's protocol."""
    name = "{benchmark}.{protocol}.contamination.json".format(**config["headline"])
    return [f"{SCORES}/{experiment}/{name}" for experiment in EXPERIMENTS]


def dated_answers(wildcards):
    """Return items and judged answers of an experiment and its base, benchmark by benchmark."""
    names = [n for n in CHOICE if wildcards.protocol in EVALUATION[n]["protocols"]]
    base, end = RECIPES[wildcards.experiment].base, f"{wildcards.protocol}.answers.jsonl"
    return {
        "item_files": [f"{CURATED}/benchmarks/{name}.items.jsonl" for name in names],
        "answers": [f"{SCORES}/{wildcards.experiment}/{name}.{end}" for name in names],
        "base": [f"{SCORES}/{base}/{name}.{end}" for name in names],
    }


def date_files(wildcards):
    """Return old against fresh questions of every experiment; none where no date is set."""
    if not config["fresh_since"]:
        return []
    name = f"{config['headline']['protocol']}.dates.json"
    return [f"{SCORES}/{experiment}/{name}" for experiment in EXPERIMENTS]


def completion_files(wildcards):
    """Return the completion of the headline benchmark's items by each base; none if not asked."""
    if not config["completion_ngram"]:
        return []
    return [f"{SCORES}/{base}/{config['headline']['benchmark']}.completion.json" for base in BASES]


def base_answers(wildcards):
    """Judged answers of an experiment's base model, to compare with; none for a base model."""
    if wildcards.model in BASES:
        return []
    base = RECIPES[wildcards.model].base
    return f"{SCORES}/{base}/{wildcards.benchmark}.{wildcards.protocol}.answers.jsonl"


def base_texts(wildcards):
    """The same for answers in free text."""
    found = base_answers(wildcards)
    return found and found.removesuffix(".answers.jsonl") + ".text.answers.jsonl"


def score_files(wildcards):
    """Scores of every model on every benchmark by every protocol."""
    return (
        [
            f"{SCORES}/{model}/{benchmark}.{protocol}.scores.json"
            for benchmark in CHOICE
            for protocol in EVALUATION[benchmark]["protocols"]
            for model in MODELS
        ]
        + [
            f"{SCORES}/{model}/{benchmark}.cases.scores.json"
            for benchmark in CLINICAL
            for model in MODELS
        ]
        + [
            f"{SCORES}/{model}/{benchmark}.{protocol}.text.scores.json"
            for benchmark in TEXT
            for protocol in EVALUATION[benchmark]["protocols"]
            for model in MODELS
        ]
    )


def headline_scores(wildcards):
    """Scores of every model by the headline's protocol, for the figure of accuracy."""
    name = "{benchmark}.{protocol}.scores.json".format(**config["headline"])
    return [f"{SCORES}/{model}/{name}" for model in MODELS]


def comparisons(wildcards):
    """Comparisons of every other model with the headline's experiment, by its protocol."""
    name = "{benchmark}.{protocol}.comparison.json".format(**config["headline"])
    return [f"{SCORES}/{model}/{name}" for model in MODELS if model != HEADLINE]


def protocol_answers(wildcards):
    """Judged answers of one model on one benchmark, by every protocol."""
    stem = f"{SCORES}/{wildcards.model}/{wildcards.benchmark}"
    protocols = EVALUATION[wildcards.benchmark]["protocols"]
    return {protocol: f"{stem}.{protocol}.answers.jsonl" for protocol in protocols}


def agreements(wildcards):
    """Agreement of readings and protocols, of the headline's base and of the headline."""
    pair = (RECIPES[HEADLINE].base, HEADLINE)
    return [f"{SCORES}/{model}/{config['headline']['benchmark']}.agreement.json" for model in pair]


def headline_predictions(wildcards):
    """Return the predictions of the headline's experiment and its base, for the dataset repository."""
    return [
        path.replace(".scores.json", ".predictions.jsonl") for path in headline_scores(wildcards)
    ]


def judged_cases(wildcards):
    """The judge's grades of a model's answers to cases; none without a judge."""
    if not config["clinical"]["judge"]:
        return []
    return f"{SCORES}/{wildcards.model}/{wildcards.benchmark}.cases.grades.jsonl"


def judged_again(wildcards):
    """Return the second judge's grades; none without a second judge."""
    if not config["clinical"]["second_judge"]:
        return []
    return f"{SCORES}/{wildcards.model}/{wildcards.benchmark}.cases.second.grades.jsonl"


def checked_cases(wildcards):
    """Return the judge's yes or no to the criteria of a model's answers; none without criteria."""
    if not config["clinical"]["criteria"]:
        return []
    return f"{SCORES}/{wildcards.model}/{wildcards.benchmark}.cases.checks.jsonl"


def checked_again(wildcards):
    """Return the same by the second judge; none without a second judge or criteria."""
    if not (config["clinical"]["criteria"] and config["clinical"]["second_judge"]):
        return []
    return f"{SCORES}/{wildcards.model}/{wildcards.benchmark}.cases.second.checks.jsonl"
