# Stage 4, comparisons of answers that are scored: with the headline, between seeds, dates and
# protocols; signs and effects of contamination.


rule scores_compare:
    input:
        first=f"{SCORES}/{HEADLINE}/{{benchmark}}.{{protocol}}.answers.jsonl",
        second=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.answers.jsonl",
        first_seeds=lambda w: repeated_answers(HEADLINE, w.benchmark, w.protocol),
        second_seeds=lambda w: repeated_answers(w.model, w.benchmark, w.protocol),
        code=code_inputs("scores/compare.py"),
    output:
        comparison=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.comparison.json",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.compare.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.compare.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        seeds=lambda wildcards, input: [f"--first-seed {path}" for path in input.first_seeds]
        + [f"--second-seed {path}" for path in input.second_seeds],
    shell:
        "python -m collectivesft scores compare {input.first} {input.second} {params.seeds}"
        " --out {output.comparison} 2> {log} >&2"


rule scores_seeds:
    input:
        first=f"{SCORES}/{{experiment}}/{{benchmark}}.{{protocol}}.answers.jsonl",
        repeats=lambda w: repeated_answers(w.experiment, w.benchmark, w.protocol),
        code=code_inputs("scores/seeds.py"),
    output:
        summary=f"{SCORES}/{{experiment}}/{{benchmark}}.{{protocol}}.seeds.json",
    log:
        f"{LOGS}/4_scores/{{experiment}}/{{benchmark}}.{{protocol}}.seeds.log",
    benchmark:
        f"{LOGS}/4_scores/{{experiment}}/{{benchmark}}.{{protocol}}.seeds.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        answers=lambda wildcards, input: [
            f"--answers {path}" for path in [input.first, *input.repeats]
        ],
    shell:
        "python -m collectivesft scores seeds {params.answers} --model {wildcards.experiment}"
        " --benchmark {wildcards.benchmark} --protocol {wildcards.protocol}"
        " --out {output.summary} 2> {log}"


# Only where `fresh_since` is set: all choice benchmarks that are asked by the headline's protocol.
rule scores_dates:
    input:
        unpack(dated_answers),
        code=code_inputs("scores/by_date.py"),
    output:
        dates=f"{SCORES}/{{experiment}}/{{protocol}}.dates.json",
    log:
        f"{LOGS}/4_scores/{{experiment}}/{{protocol}}.dates.log",
    benchmark:
        f"{LOGS}/4_scores/{{experiment}}/{{protocol}}.dates.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        files=lambda wildcards, input: options(
            {"items": input.item_files, "answers": input.answers, "base": input.base}
        ),
        since=config["fresh_since"],
        settings=marked_options("scores dates"),
    shell:
        "python -m collectivesft scores dates {params.files} --since {params.since}"
        " {params.settings}"
        " --model {wildcards.experiment} --protocol {wildcards.protocol} --out {output.dates}"
        " 2> {log}"


rule scores_contamination:
    input:
        answers=f"{SCORES}/{{experiment}}/{{benchmark}}.{{protocol}}.answers.jsonl",
        base=contamination_base,
        report=lambda wildcards: f"{CURATED}/{curation_of(wildcards)}/contamination.json",
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        code=code_inputs("scores/contamination.py"),
    output:
        effect=f"{SCORES}/{{experiment}}/{{benchmark}}.{{protocol}}.contamination.json",
    log:
        f"{LOGS}/4_scores/{{experiment}}/{{benchmark}}.{{protocol}}.contamination.log",
    benchmark:
        f"{LOGS}/4_scores/{{experiment}}/{{benchmark}}.{{protocol}}.contamination.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m collectivesft scores contamination --answers {input.answers}"
        " --base {input.base} --report {input.report} --train {input.train}"
        " --model {wildcards.experiment} --benchmark {wildcards.benchmark}"
        " --protocol {wildcards.protocol} --out {output.effect} 2> {log}"


# Off unless `completion_ngram` is set. The job loads the base itself: servers repeat no prompts.
rule scores_completion:
    input:
        model=lambda wildcards: LAYOUT.base(wildcards.base),
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=benchmark_code("scores/completion.py"),
    output:
        completion=f"{SCORES}/{{base}}/{{benchmark}}.completion.json",
    log:
        f"{LOGS}/4_scores/{{base}}/{{benchmark}}.completion.log",
    benchmark:
        f"{LOGS}/4_scores/{{base}}/{{benchmark}}.completion.benchmark.tsv"
    conda:
        f"../../envs/{MODEL_ENV}.yaml"
    container:
        container_image(MODEL_ENV)
    threads: config["threads"]
    resources:
        mem_mb=8000,
        runtime=240,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        ngram=config["completion_ngram"],
        settings=marked_options("scores completion"),
        threads=config["threads"],
    shell:
        "python -m collectivesft scores completion --model {input.model:q} --name {wildcards.base}"
        " --items {input.item_file} --ngram {params.ngram} {params.settings}"
        " --threads {params.threads} --out {output.completion} 2> {log}"


rule scores_agree:
    input:
        unpack(protocol_answers),
        code=code_inputs("scores/agree.py"),
    output:
        agreement=f"{SCORES}/{{model}}/{{benchmark}}.agreement.json",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.agree.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.agree.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        answers=lambda wildcards: [
            f"--answers {name}={path}" for name, path in protocol_answers(wildcards).items()
        ],
    shell:
        "python -m collectivesft scores agree {params.answers} --benchmark {wildcards.benchmark}"
        " --out {output.agreement} 2> {log}"
