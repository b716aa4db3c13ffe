# Stage 4, clinical cases: models answer the turns of a case, judges grade the answers or check them
# against criteria.


rule scores_answer_cases:
    input:
        model=model_dir,
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=benchmark_code("scores/answer_cases.py"),
    output:
        answers=f"{SCORES}/{{model}}/{{benchmark}}.cases.answers.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases.answer.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases.answer.benchmark.tsv"
    conda:
        f"../../envs/{MODEL_ENV}.yaml"
    container:
        container_image(MODEL_ENV)
    threads: config["threads"]
    resources:
        mem_mb=8000,
        runtime=720,
        gpu=one_gpu,
    params:
        settings=arguments("CaseAnswers", config["clinical"]),
        more=marked_options("scores answer-cases"),
        threads=config["threads"],
        server=engine_server,
        engine=engine_options,
    shell:
        "python -m collectivesft scores answer-cases --model {input.model:q}"
        " --name {wildcards.model} --items {input.item_file} --out {output.answers}"
        " {params.settings} {params.more} --threads {params.threads}"
        " {params.server} {params.engine} 2> {log}"


# Grades cost money: a judge's replies are kept in the cache of downloads, so that no run pays
# for it again.
rule scores_judge:
    input:
        answers=f"{SCORES}/{{model}}/{{benchmark}}.cases.answers.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=code_inputs("scores/judge.py"),
    output:
        grades=f"{SCORES}/{{model}}/{{benchmark}}.cases{{place}}.grades.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases{{place}}.judge.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases{{place}}.judge.benchmark.tsv"
    wildcard_constraints:
        place=r"(\.second)?",
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        cache=f"{CACHE}/judge/{{model}}.{{benchmark}}{{place}}.jsonl",
        server=judge_server,
        judge=judge_options,
        settings=marked_options("scores judge"),
    shell:
        "python -m collectivesft scores judge --answers {input.answers}"
        " --items {input.item_file} --cache {params.cache:q} --out {output.grades}"
        " {params.server} {params.judge} {params.settings} 2> {log}"


# One list of criteria for all models and both judges. Lists are kept by their reference.
rule scores_criteria:
    input:
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=code_inputs("scores/criteria_check.py"),
    output:
        criteria=f"{SCORES}/{{benchmark}}.criteria.jsonl",
    log:
        f"{LOGS}/4_scores/{{benchmark}}.criteria.log",
    benchmark:
        f"{LOGS}/4_scores/{{benchmark}}.criteria.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        cache=f"{CACHE}/judge/{{benchmark}}.criteria.jsonl",
        server=judge_server,
        judge=judge_options,
        settings=marked_options("scores criteria"),
    shell:
        "python -m collectivesft scores criteria --items {input.item_file}"
        " --cache {params.cache:q} --out {output.criteria}"
        " {params.server} {params.judge} {params.settings} 2> {log}"


rule scores_check:
    input:
        answers=f"{SCORES}/{{model}}/{{benchmark}}.cases.answers.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        criteria=f"{SCORES}/{{benchmark}}.criteria.jsonl",
        code=code_inputs("scores/criteria_check.py"),
    output:
        checks=f"{SCORES}/{{model}}/{{benchmark}}.cases{{place}}.checks.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases{{place}}.check.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases{{place}}.check.benchmark.tsv"
    wildcard_constraints:
        place=r"(\.second)?",
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        cache=f"{CACHE}/judge/{{model}}.{{benchmark}}{{place}}.checks.jsonl",
        server=judge_server,
        judge=judge_options,
        settings=marked_options("scores check"),
    shell:
        "python -m collectivesft scores check --answers {input.answers}"
        " --items {input.item_file} --criteria {input.criteria} --cache {params.cache:q}"
        " --out {output.checks} {params.server} {params.judge} {params.settings} 2> {log}"


rule scores_score_cases:
    input:
        answers=f"{SCORES}/{{model}}/{{benchmark}}.cases.answers.jsonl",
        grades=judged_cases,
        second=judged_again,
        checks=checked_cases,
        second_checks=checked_again,
        code=code_inputs("scores/score_cases.py"),
    output:
        scores=f"{SCORES}/{{model}}/{{benchmark}}.cases.scores.json",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases.score.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.cases.score.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        grades=lambda wildcards, input: f"--grades {input.grades}" if input.grades else "",
        second=lambda wildcards, input: f"--second-grades {input.second}" if input.second else "",
        checks=lambda wildcards, input: checks_options(input),
        settings=marked_options("scores score-cases"),
    shell:
        "python -m collectivesft scores score-cases --answers {input.answers}"
        " --model {wildcards.model} --out {output.scores} {params.grades}"
        " {params.second} {params.checks} {params.settings} 2> {log}"
