# Stage 4: base models and experiments answer the benchmarks; answers become scores. Predictions
# hold all that scoring needs: an edit of how answers are read or counted asks no model again. A
# killed run resumes after the last answered item.


rule scores_predict:
    input:
        model=model_dir,
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=benchmark_code("scores/predict.py"),
    output:
        predictions=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.predictions.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.predict.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.predict.benchmark.tsv"
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
        options=protocol_options,
        threads=config["threads"],
        server=engine_server,
        engine=engine_options,
    shell:
        "python -m collectivesft scores predict --model {input.model:q} --name {wildcards.model}"
        " --items {input.item_file} --out {output.predictions} {params.options}"
        " --threads {params.threads} {params.server} {params.engine} 2> {log}"


rule scores_score:
    input:
        predictions=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.predictions.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        base=base_answers,
        code=benchmark_code("scores/score.py"),
    output:
        scores=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.scores.json",
        csv=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.categories.csv",
        answers=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.answers.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.score.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.score.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        base=lambda wildcards, input: f"--base {input.base}" if input.base else "",
    shell:
        "python -m collectivesft scores score --predictions {input.predictions}"
        " --items {input.item_file} --model {wildcards.model} --protocol {wildcards.protocol}"
        " --out {output.scores} --csv {output.csv} --answers {output.answers} {params.base}"
        " 2> {log}"


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
    shell:
        "python -m collectivesft scores dates {params.files} --since {params.since}"
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
        limit=limit_option,
        threads=config["threads"],
    shell:
        "python -m collectivesft scores completion --model {input.model:q} --name {wildcards.base}"
        " --items {input.item_file} --ngram {params.ngram} {params.limit}"
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


rule scores_submit:
    input:
        answers=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.answers.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=benchmark_code("scores/submit.py"),
    output:
        submission=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.submission.json",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.submit.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.submit.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "python -m collectivesft scores submit --answers {input.answers}"
        " --items {input.item_file} --out {output.submission} 2> {log}"


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
        limit=limit_option,
        threads=config["threads"],
        server=engine_server,
        engine=engine_options,
    shell:
        "python -m collectivesft scores answer-cases --model {input.model:q}"
        " --name {wildcards.model} --items {input.item_file} --out {output.answers}"
        " {params.settings} {params.limit} --threads {params.threads}"
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
    shell:
        "python -m collectivesft scores judge --answers {input.answers}"
        " --items {input.item_file} --cache {params.cache:q} --out {output.grades}"
        " {params.server} {params.judge} 2> {log}"


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
    shell:
        "python -m collectivesft scores criteria --items {input.item_file}"
        " --cache {params.cache:q} --out {output.criteria}"
        " {params.server} {params.judge} 2> {log}"


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
    shell:
        "python -m collectivesft scores check --answers {input.answers}"
        " --items {input.item_file} --criteria {input.criteria} --cache {params.cache:q}"
        " --out {output.checks} {params.server} {params.judge} 2> {log}"


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
    shell:
        "python -m collectivesft scores score-cases --answers {input.answers}"
        " --model {wildcards.model} --out {output.scores} {params.grades}"
        " {params.second} {params.checks} 2> {log}"


rule scores_score_text:
    input:
        predictions=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.predictions.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        base=base_texts,
        code=benchmark_code("scores/score_text.py"),
    output:
        scores=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.text.scores.json",
        csv=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.text.tasks.csv",
        answers=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.text.answers.jsonl",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.text.score.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.text.score.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        base=lambda wildcards, input: f"--base {input.base}" if input.base else "",
    shell:
        "python -m collectivesft scores score-text --predictions {input.predictions}"
        " --items {input.item_file} --model {wildcards.model} --protocol {wildcards.protocol}"
        " --out {output.scores} --csv {output.csv} --answers {output.answers} {params.base}"
        " 2> {log}"


rule scores_upload:
    input:
        predictions=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.predictions.jsonl",
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
        code=benchmark_code("scores/upload.py"),
    output:
        upload=f"{SCORES}/{{model}}/{{benchmark}}.{{protocol}}.upload.zip",
    log:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.upload.log",
    benchmark:
        f"{LOGS}/4_scores/{{model}}/{{benchmark}}.{{protocol}}.upload.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m collectivesft scores upload --predictions {input.predictions}"
        " --items {input.item_file} --out {output.upload} 2> {log}"


rule scores_table:
    input:
        scores=score_files,
        seeds=seed_files,
        contamination=contamination_files,
        completion=completion_files,
        dates=date_files,
        leaderboard=LEADERBOARD,
        clinical_leaderboard=CLINICAL_LEADERBOARD,
        code=code_inputs("scores/table.py"),
    output:
        csv=report(
            f"{SCORES}/table.csv",
            caption="../report/table.rst",
            category="Scores",
            labels={"result": "All models (CSV)"},
        ),
        markdown=f"{SCORES}/table.md",
        latex=f"{SCORES}/table.tex",
    log:
        f"{LOGS}/4_scores/table.log",
    benchmark:
        f"{LOGS}/4_scores/table.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        scores=lambda wildcards, input: [f"--scores {path}" for path in input.scores],
        seeds=lambda wildcards, input: [f"--seeds {path}" for path in input.seeds],
        contamination=lambda wildcards, input: [
            f"--contamination {path}" for path in input.contamination
        ],
        completion=lambda wildcards, input: [f"--completion {path}" for path in input.completion],
        dates=lambda wildcards, input: [f"--dates {path}" for path in input.dates],
    shell:
        "python -m collectivesft scores table {params.scores} {params.seeds}"
        " {params.contamination} {params.completion} {params.dates} --leaderboard {input.leaderboard}"
        " --clinical-leaderboard {input.clinical_leaderboard}"
        " --csv {output.csv} --markdown {output.markdown} --latex {output.latex} 2> {log}"
