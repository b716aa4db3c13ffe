# Stage 5: figures. Each is drawn from a result table and stands alone as SVG, PDF and PNG,
# with its data as CSV. One rule a figure, since each reads other tables.


rule figures_mixture:
    input:
        stats=f"{CURATED}/mixtures/{HEADLINE}/mixture.json",
        ledger=f"{CURATED}/mixtures/{HEADLINE}/ledger.json",
        code=code("figures/mixture.py"),
    output:
        multiext(f"{FIGURES}/mixture", ".pdf", ".png", ".csv"),
        svg=report(
            f"{FIGURES}/mixture.svg",
            caption="../report/mixture.rst",
            category="Data",
            labels={"figure": "Composition of the mixture"},
        ),
    log:
        f"{LOGS}/5_figures/mixture.log",
    benchmark:
        f"{LOGS}/5_figures/mixture.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m collectivesft figures mixture --mixture {input.stats} --ledger {input.ledger}"
        " --out {output.svg} 2> {log}"


rule figures_curation:
    input:
        ledger=f"{CURATED}/mixtures/{HEADLINE}/ledger.json",
        code=code("figures/curation.py"),
    output:
        multiext(f"{FIGURES}/curation", ".pdf", ".png", ".csv"),
        svg=report(
            f"{FIGURES}/curation.svg",
            caption="../report/curation.rst",
            category="Data",
            labels={"figure": "Kept and dropped, by step"},
        ),
    log:
        f"{LOGS}/5_figures/curation.log",
    benchmark:
        f"{LOGS}/5_figures/curation.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m collectivesft figures curation --ledger {input.ledger} --out {output.svg}"
        " 2> {log}"


rule figures_loss:
    input:
        histories=expand(f"{SFT}/{{experiment}}/history.jsonl", experiment=EXPERIMENTS),
        code=code("figures/loss.py"),
    output:
        multiext(f"{FIGURES}/loss", ".pdf", ".png", ".csv"),
        svg=report(
            f"{FIGURES}/loss.svg",
            caption="../report/loss.rst",
            category="Training",
            labels={"figure": "Training loss"},
        ),
    log:
        f"{LOGS}/5_figures/loss.log",
    benchmark:
        f"{LOGS}/5_figures/loss.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        histories=[f"--history {name}={SFT}/{name}/history.jsonl" for name in EXPERIMENTS],
    shell:
        "python -m collectivesft figures loss {params.histories} --out {output.svg} 2> {log}"


rule figures_accuracy:
    input:
        scores=headline_scores,
        leaderboard="resources/leaderboard/cmb-exam-2024-03-16.csv",
        code=code("figures/accuracy.py"),
    output:
        multiext(f"{FIGURES}/accuracy", ".pdf", ".png", ".csv"),
        svg=report(
            f"{FIGURES}/accuracy.svg",
            caption="../report/accuracy.rst",
            category="Scores",
            labels={"figure": "Accuracy by category"},
        ),
    log:
        f"{LOGS}/5_figures/accuracy.log",
    benchmark:
        f"{LOGS}/5_figures/accuracy.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        scores=lambda wildcards, input: [f"--scores {path}" for path in input.scores],
        bases=[f"--base {name}" for name in BASES],
        headline=HEADLINE,
    shell:
        "python -m collectivesft figures accuracy {params.scores} {params.bases}"
        " --headline {params.headline} --leaderboard {input.leaderboard}"
        " --out {output.svg} 2> {log}"
