# Stage 7: what goes to the Hub. The release folder is part of every run; the upload is an
# explicit target (`make publish-demo`, or the rule hub_publish with a token for the real Hub).


rule hub_release:
    input:
        model=f"{SFT}/{{experiment}}/model",
        base=base_dir,
        recipe=recipe,
        base_recipe=base_recipe,
        ledger=f"{CURATED}/mixtures/{{experiment}}/ledger.json",
        stats=f"{CURATED}/mixtures/{{experiment}}/mixture.json",
        data_card=f"{CURATED}/mixtures/{{experiment}}/data-card.md",
        contamination=lambda wildcards: f"{CURATED}/{curation_of(wildcards)}/contamination.json",
        history=f"{SFT}/{{experiment}}/history.jsonl",
        table=f"{SCORES}/table.csv",
        scores=release_scores,
        manifests=expand(f"{RAW}/datasets/{{dataset}}/manifest.json", dataset=DATASETS),
        lock=f"envs/{MODEL_ENV}.lock",
        code=code("hub/release.py", *SOURCE_FILES),
    output:
        card=f"{HUB}/{{experiment}}/README.md",
        manifest=report(
            f"{HUB}/{{experiment}}/manifest.json",
            caption="../report/manifest.rst",
            category="Release",
            labels={"result": "Manifest of {experiment} (JSON)"},
        ),
    log:
        f"{LOGS}/7_hub/{{experiment}}/release.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/release.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        scores=lambda wildcards, input: [f"--scores {path}" for path in input.scores],
        manifests=lambda wildcards, input: [f"--raw {path}" for path in input.manifests],
        run=config["run"],
        repo=config["hub"]["repo"],
        demo="--demo" if config["demo"] else "--no-demo",
    shell:
        "python -m collectivesft hub release --run {params.run} --repo {params.repo} {params.demo}"
        " --experiment {wildcards.experiment} --model {input.model} --recipe {input.recipe}"
        " --base-recipe {input.base_recipe} --ledger {input.ledger} --mixture {input.stats}"
        " --data-card {input.data_card} --contamination {input.contamination}"
        " --history {input.history} --table {input.table} {params.scores} {params.manifests}"
        " --lock {input.lock} --card {output.card} --manifest {output.manifest} 2> {log}"


rule hub_publish:
    input:
        model=f"{SFT}/{HEADLINE}/model",
        card=f"{HUB}/{HEADLINE}/README.md",
        manifest=f"{HUB}/{HEADLINE}/manifest.json",
        code=code("hub/publish.py"),
    output:
        receipt=f"{HUB}/{HEADLINE}/published.json",
    log:
        f"{LOGS}/7_hub/publish.log",
    benchmark:
        f"{LOGS}/7_hub/publish.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        image("model-cpu")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        repo=config["hub"]["repo"],
        tag=config["hub"]["tag"],
        private="--private" if config["hub"]["private"] else "--public",
    shell:
        "python -m collectivesft hub publish --repo {params.repo} --tag {params.tag} {params.private}"
        " --model {input.model} --card {input.card} --manifest {input.manifest}"
        " --receipt {output.receipt} 2> {log}"


rule hub_verify:
    input:
        receipt=f"{HUB}/{HEADLINE}/published.json",
        manifest=f"{HUB}/{HEADLINE}/manifest.json",
        code=code("hub/verify.py"),
    output:
        report=f"{HUB}/{HEADLINE}/verified.json",
    log:
        f"{LOGS}/7_hub/verify.log",
    benchmark:
        f"{LOGS}/7_hub/verify.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
    shell:
        "python -m collectivesft hub verify --receipt {input.receipt} --manifest {input.manifest}"
        " --report {output.report} 2> {log}"
