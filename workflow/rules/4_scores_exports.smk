# Stage 4, answers in the form of other people's scoring, and the table of all scores.


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


# Files for leaderboards, which take answers to the whole benchmark only.
ASKED += [
    f"{SCORES}/{HEADLINE}/{benchmark}.{protocol}.upload.zip"
    for benchmark in BENCHMARKS
    if EVALUATION[benchmark]["kind"] == "upload" and EVALUATION[benchmark]["limit"] is None
    for protocol in EVALUATION[benchmark]["protocols"]
]
if "cmb" in CHOICE and EVALUATION["cmb"]["limit"] is None and not config["demo"]:
    ASKED += [
        f"{SCORES}/{HEADLINE}/cmb.{protocol}.submission.json"
        for protocol in EVALUATION["cmb"]["protocols"]
    ]
