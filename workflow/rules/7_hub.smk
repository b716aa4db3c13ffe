# Stage 7: the files for the Hub. The release folder is part of every run; the upload is an
# explicit target (`make publish-demo`, or `snakemake publish` with a token for the real Hub).


rule hub_answer:
    input:
        model=f"{SFT}/{{experiment}}/model",
        code=code_inputs("hub/answer.py"),
    output:
        answer=f"{HUB}/{{experiment}}/answer.json",
    log:
        f"{LOGS}/7_hub/{{experiment}}/answer.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/answer.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: config["threads"]
    resources:
        mem_mb=answer_memory,
        runtime=60,
    params:
        threads=config["threads"],
    shell:
        "python -m collectivesft hub answer --model {input.model} --out {output.answer}"
        " --threads {params.threads} 2> {log}"


# A second copy of the weights for llama.cpp and Ollama, where hub.gguf asks for one.
rule hub_gguf:
    input:
        model=f"{SFT}/{{experiment}}/model",
        converter=config["hub"]["gguf_converter"],
        code=code_inputs("hub/gguf.py"),
    output:
        gguf=f"{HUB}/{{experiment}}/gguf/{{file}}.gguf",
        report=f"{HUB}/{{experiment}}/gguf/{{file}}.json",
    log:
        f"{LOGS}/7_hub/{{experiment}}/{{file}}.gguf.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/{{file}}.gguf.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: config["threads"]
    resources:
        mem_mb=gguf_memory,
        runtime=240,
    params:
        name=MODEL_NAME,
        settings=arguments("GgufCopy", config["hub"], ["gguf_converter"]),
        threads=config["threads"],
    shell:
        "python -m collectivesft hub gguf --model {input.model} --gguf-converter {input.converter:q}"
        " {params.settings} --name {params.name} --threads {params.threads}"
        " --out {output.gguf} --report {output.report} 2> {log}"


rule hub_release:
    input:
        model=f"{SFT}/{{experiment}}/model",
        base=base_dir,
        recipe=experiment_file,
        base_recipe=base_recipe,
        ledger=f"{CURATED}/mixtures/{{experiment}}/ledger.json",
        stats=f"{CURATED}/mixtures/{{experiment}}/mixture.json",
        data_card=f"{CURATED}/mixtures/{{experiment}}/data-card.md",
        contamination=lambda wildcards: f"{CURATED}/{curation_of(wildcards)}/contamination.json",
        history=f"{SFT}/{{experiment}}/history.jsonl",
        tokens=f"{SFT}/{{experiment}}/tokens",
        table=f"{SCORES}/table.csv",
        scores=release_scores,
        answers=release_answers,
        manifests=RAW_MANIFESTS,
        answer=f"{HUB}/{{experiment}}/answer.json",
        gguf=release_gguf,
        trained=f"{SFT}/{{experiment}}/trained",
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        validation=f"{CURATED}/mixtures/{{experiment}}/validation.parquet",
        lock=own(f"envs/{MODEL_ENV}.lock"),
        locks=LOCKS,
        code=code_inputs("hub/release.py", *SOURCE_FILES, *BENCHMARK_FILES),
    output:
        card=f"{HUB}/{{experiment}}/README.md",
        manifest=report(
            f"{HUB}/{{experiment}}/manifest.json",
            caption="../report/manifest.rst",
            category="Release",
            labels={"result": "Manifest of {experiment} (JSON)"},
        ),
        files=directory(f"{HUB}/{{experiment}}/files"),
    log:
        f"{LOGS}/7_hub/{{experiment}}/release.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/release.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        scores=lambda wildcards, input: [f"--scores {path}" for path in input.scores],
        answers=lambda wildcards, input: [f"--answers {path}" for path in input.answers],
        manifests=lambda wildcards, input: [f"--raw {path}" for path in input.manifests],
        gguf=lambda wildcards, input: f"--gguf {input.gguf[0]}" if input.gguf else "",
        run=config["run"],
        locks=lambda wildcards, input: [f"--locks {path}" for path in input.locks],
        repo=config["hub"]["repo_id"],
        tag=config["hub"]["tag"],
        card=arguments("ModelCard", config["hub"]),
        # A function: Snakemake would take the {model} of a server's command for a wildcard of ours.
        settings=lambda wildcards: release_settings(),
        demo="--demo" if config["demo"] else "--no-demo",
        made_up="--made-up" if config["made_up"] else "--published",
    shell:
        "python -m collectivesft hub release --run {params.run} --repo {params.repo} {params.demo}"
        " {params.made_up} --experiment {wildcards.experiment} --model {input.model}"
        " --recipe {input.recipe}"
        " --base-recipe {input.base_recipe} --ledger {input.ledger} --mixture {input.stats}"
        " --data-card {input.data_card} --contamination {input.contamination}"
        " --history {input.history} --tokens {input.tokens}/tokens.json --table {input.table}"
        " {params.scores} {params.manifests} {params.answers} {params.gguf}"
        " --answer {input.answer} --trained {input.trained} --base {input.base:q}"
        " --other {input.train} --other {input.validation} {params.locks} --tag {params.tag}"
        " {params.card}"
        " --settings {params.settings:q} --files {output.files}"
        " --lock {input.lock} --card {output.card} --manifest {output.manifest} 2> {log}"


# The costs of the run, and the run as an RO-Crate: they hold times, so no part of `rule all`.
rule hub_provenance:
    input:
        manifest=f"{HUB}/{{experiment}}/manifest.json",
        workflow=own("workflow/Snakefile"),
        code=code_inputs("hub/provenance.py"),
    output:
        measurements=f"{HUB}/{{experiment}}/measurements.json",
        crate=f"{HUB}/{{experiment}}/ro-crate-metadata.json",
    log:
        f"{LOGS}/7_hub/{{experiment}}/provenance.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/provenance.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        logs=LOGS,
        images=image_options,
        environments=rule_environments,
        records=".snakemake/metadata",
    shell:
        "python -m collectivesft hub provenance --manifest {input.manifest} --logs {params.logs}"
        " --workflow {input.workflow} {params.images} --measurements {output.measurements}"
        " --records {params.records} --environments {params.environments:q}"
        " --crate {output.crate} 2> {log}"


rule hub_space:
    input:
        manifest=f"{HUB}/{{experiment}}/manifest.json",
        code=code_inputs("hub/space.py"),
    output:
        folder=directory(f"{HUB}/{{experiment}}/space"),
    log:
        f"{LOGS}/7_hub/{{experiment}}/space.log",
    benchmark:
        f"{LOGS}/7_hub/{{experiment}}/space.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    shell:
        "python -m collectivesft hub space --manifest {input.manifest} --out {output.folder} 2> {log}"


rule hub_publish:
    input:
        model=f"{SFT}/{HEADLINE}/model",
        card=f"{HUB}/{HEADLINE}/README.md",
        manifest=f"{HUB}/{HEADLINE}/manifest.json",
        files=f"{HUB}/{HEADLINE}/files",
        measurements=f"{HUB}/{HEADLINE}/measurements.json",
        crate=f"{HUB}/{HEADLINE}/ro-crate-metadata.json",
        workflow=own("workflow/Snakefile"),
        code=code_inputs("hub/push.py"),
    output:
        receipt=f"{HUB}/{HEADLINE}/published.json",
    log:
        f"{LOGS}/7_hub/publish.log",
    benchmark:
        f"{LOGS}/7_hub/publish.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        repo=config["hub"]["repo_id"],
        tag=config["hub"]["tag"],
        settings=arguments("Upload", config["hub"]),
    shell:
        "python -m collectivesft hub push --repo {params.repo} --tag {params.tag} {params.settings}"
        " --model {input.model} --card {input.card} --manifest {input.manifest}"
        " --files {input.files} --extra {input.measurements} --extra {input.crate}"
        " --extra {input.workflow}"
        " --receipt {output.receipt} 2> {log}"


rule hub_verify:
    input:
        receipt=f"{HUB}/{HEADLINE}/published.json",
        manifest=f"{HUB}/{HEADLINE}/manifest.json",
        code=code_inputs("hub/verify.py"),
    output:
        report=f"{HUB}/{HEADLINE}/verified.json",
    log:
        f"{LOGS}/7_hub/verify.log",
    benchmark:
        f"{LOGS}/7_hub/verify.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        version="{repo_id}@{tag}".format(**config["hub"]),
        base=(
            f"--base {shlex.quote(base_dir_of(HEADLINE))}"
            if config["hub"]["weights"] == "adapter"
            else ""
        ),
    shell:
        "python -m collectivesft hub verify {params.version} --receipt {input.receipt}"
        " --manifest {input.manifest} --report {output.report} {params.base} 2> {log}"


rule hub_data:
    input:
        train=f"{CURATED}/mixtures/{HEADLINE}/train.parquet",
        validation=f"{CURATED}/mixtures/{HEADLINE}/validation.parquet",
        predictions=headline_predictions,
        code=code_inputs("hub/data.py", *SOURCE_FILES, *BENCHMARK_FILES),
    output:
        folder=directory(f"{HUB}/{HEADLINE}/data"),
    log:
        f"{LOGS}/7_hub/data.log",
    benchmark:
        f"{LOGS}/7_hub/data.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        repo=f"{config['hub']['repo_id']}-data",
        predictions=lambda wildcards, input: [f"--predictions {p}" for p in input.predictions],
        made_up="--made-up" if config["made_up"] else "--published",
    shell:
        "python -m collectivesft hub data --repo {params.repo} --train {input.train}"
        " --validation {input.validation} {params.predictions} {params.made_up} --out {output.folder}"
        " 2> {log}"


rule hub_push_data:
    input:
        folder=f"{HUB}/{HEADLINE}/data",
        code=code_inputs("hub/data.py"),
    output:
        receipt=f"{HUB}/{HEADLINE}/published-data.json",
    log:
        f"{LOGS}/7_hub/push-data.log",
    benchmark:
        f"{LOGS}/7_hub/push-data.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        repo=f"{config['hub']['repo_id']}-data",
        tag=config["hub"]["tag"],
        settings=arguments("Upload", config["hub"]),
    shell:
        "python -m collectivesft hub push-data --repo {params.repo} --tag {params.tag}"
        " {params.settings} --folder {input.folder} --receipt {output.receipt} 2> {log}"


if config["hub"]["space"]:
    ASKED.append(f"{HUB}/{HEADLINE}/space")
