# Stage 2: raw files become examples; examples are cleaned, made unique and separated from the
# benchmarks; each experiment draws its mixture. Every step writes its dropped rows and a ledger.


rule curated_read:
    input:
        manifest=f"{RAW}/datasets/{{dataset}}/manifest.json",
        code=reader_code,
    output:
        examples=f"{CURATED}/{{dataset}}/read.parquet",
        dropped=f"{CURATED}/{{dataset}}/read.dropped.parquet",
        ledger=f"{CURATED}/{{dataset}}/read.ledger.json",
    log:
        f"{LOGS}/2_curated/{{dataset}}/read.log",
    benchmark:
        f"{LOGS}/2_curated/{{dataset}}/read.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        options=reader_options,
    shell:
        "python -m collectivesft curated read --dataset {wildcards.dataset}"
        " --manifest {input.manifest} --out {output.examples} --dropped {output.dropped}"
        " --ledger {output.ledger} {params.options} 2> {log}"


rule curated_clean:
    input:
        examples=f"{CURATED}/{{dataset}}/read.parquet",
        code=code_inputs("curated/clean.py"),
    output:
        examples=f"{CURATED}/{{dataset}}/clean.parquet",
        dropped=f"{CURATED}/{{dataset}}/clean.dropped.parquet",
        ledger=f"{CURATED}/{{dataset}}/clean.ledger.json",
    log:
        f"{LOGS}/2_curated/{{dataset}}/clean.log",
    benchmark:
        f"{LOGS}/2_curated/{{dataset}}/clean.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 2
    resources:
        mem_mb=2000,
        runtime=240,
    params:
        settings=arguments("Clean", config["clean"]),
    shell:
        "python -m collectivesft curated clean --examples {input.examples}"
        " {params.settings} --threads {threads}"
        " --out {output.examples} --dropped {output.dropped} --ledger {output.ledger} 2> {log}"


rule curated_items:
    input:
        manifest=f"{RAW}/benchmarks/{{benchmark}}/manifest.json",
        code=items_code,
    output:
        item_file=f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl",
    log:
        f"{LOGS}/2_curated/benchmarks/{{benchmark}}.log",
    benchmark:
        f"{LOGS}/2_curated/benchmarks/{{benchmark}}.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=20,
    shell:
        "python -m collectivesft curated items --benchmark {wildcards.benchmark}"
        " --manifest {input.manifest} --out {output.item_file} 2> {log}"


rule curated_dedup:
    input:
        examples=expand(f"{CURATED}/{{dataset}}/clean.parquet", dataset=DATASETS),
        code=code_inputs("curated/dedup.py"),
    output:
        examples=f"{CURATED}/{{curation}}/dedup.parquet",
        dropped=f"{CURATED}/{{curation}}/dedup.dropped.parquet",
        ledger=f"{CURATED}/{{curation}}/dedup.ledger.json",
    log:
        f"{LOGS}/2_curated/{{curation}}/dedup.log",
    benchmark:
        f"{LOGS}/2_curated/{{curation}}/dedup.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        examples=lambda wildcards, input: [f"--examples {path}" for path in input.examples],
        settings=lambda wildcards: arguments("Dedup", config["curation"][wildcards.curation]),
    shell:
        "python -m collectivesft curated dedup {params.examples}"
        " {params.settings} --threads {threads} --out {output.examples}"
        " --dropped {output.dropped} --ledger {output.ledger} 2> {log}"


rule curated_decontaminate:
    input:
        examples=f"{CURATED}/{{curation}}/dedup.parquet",
        item_file=expand(f"{CURATED}/benchmarks/{{benchmark}}.items.jsonl", benchmark=BENCHMARKS),
        code=code_inputs("curated/decontaminate.py"),
    output:
        examples=f"{CURATED}/{{curation}}/decontaminate.parquet",
        dropped=f"{CURATED}/{{curation}}/decontaminate.dropped.parquet",
        ledger=f"{CURATED}/{{curation}}/decontaminate.ledger.json",
        report=f"{CURATED}/{{curation}}/contamination.json",
    log:
        f"{LOGS}/2_curated/{{curation}}/decontaminate.log",
    benchmark:
        f"{LOGS}/2_curated/{{curation}}/decontaminate.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        item_file=lambda wildcards, input: [f"--items {path}" for path in input.item_file],
        settings=lambda wildcards: arguments(
            "Decontaminate", config["curation"][wildcards.curation]
        ),
    shell:
        "python -m collectivesft curated decontaminate --examples {input.examples} {params.item_file}"
        " {params.settings} --threads {threads} --out {output.examples} --dropped {output.dropped}"
        " --ledger {output.ledger} --report {output.report} 2> {log}"


# Only for a mixture with a budget of tokens: the base's tokenizer counts them.
rule sft_lengths:
    input:
        examples=curated_examples,
        base=base_dir,
        recipe=ancient(experiment_file),
        template=chat_template,
        code=code_inputs("sft/token_lengths.py"),
    output:
        lengths=f"{CURATED}/mixtures/{{experiment}}/lengths.parquet",
    log:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/lengths.log",
    benchmark:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/lengths.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        settings=recipe_settings,
    shell:
        "python -m collectivesft sft lengths --examples {input.examples} --base {input.base:q}"
        " --recipe {input.recipe} --out {output.lengths} --threads {threads} 2> {log}"


rule curated_mix:
    input:
        examples=curated_examples,
        lengths=token_lengths,
        recipe=ancient(experiment_file),
        code=code_inputs("curated/mix.py"),
    output:
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        validation=f"{CURATED}/mixtures/{{experiment}}/validation.parquet",
        ledger=f"{CURATED}/mixtures/{{experiment}}/mix.ledger.json",
        stats=f"{CURATED}/mixtures/{{experiment}}/mixture.json",
    log:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/mix.log",
    benchmark:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/mix.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=recipe_settings,
        draw=draw_option,
        lengths=lambda wildcards, input: f"--lengths {input.lengths}" if input.lengths else "",
    shell:
        "python -m collectivesft curated mix --examples {input.examples} --recipe {input.recipe}"
        " --out {output.train} --validation {output.validation} --ledger {output.ledger}"
        " --stats {output.stats} {params.draw} {params.lengths} 2> {log}"


rule curated_ledger:
    input:
        ledgers=ledgers,
        code=code_inputs("curated/storage/step_ledger.py", *SOURCE_FILES),
    output:
        ledger=f"{CURATED}/mixtures/{{experiment}}/ledger.json",
        csv=report(
            f"{CURATED}/mixtures/{{experiment}}/ledger.csv",
            caption="../report/ledger.rst",
            category="Data",
            labels={"result": "Ledger of {experiment} (CSV)"},
        ),
        markdown=f"{CURATED}/mixtures/{{experiment}}/ledger.md",
    log:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/ledger.log",
    benchmark:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/ledger.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        ledgers=lambda wildcards, input: [f"--ledger {path}" for path in input.ledgers],
    shell:
        "python -m collectivesft curated ledger {params.ledgers} --out {output.ledger}"
        " --csv {output.csv} --markdown {output.markdown} 2> {log}"


rule curated_card:
    input:
        ledger=f"{CURATED}/mixtures/{{experiment}}/ledger.json",
        stats=f"{CURATED}/mixtures/{{experiment}}/mixture.json",
        contamination=lambda wildcards: f"{CURATED}/{curation_of(wildcards)}/contamination.json",
        code=code_inputs("curated/card.py", *SOURCE_FILES),
    output:
        card=f"{CURATED}/mixtures/{{experiment}}/data-card.md",
    log:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/card.log",
    benchmark:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/card.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        made_up="--made-up" if config["made_up"] else "--published",
    shell:
        "python -m collectivesft curated card --ledger {input.ledger} --mixture {input.stats}"
        " --contamination {input.contamination} --out {output.card} {params.made_up} 2> {log}"


rule curated_croissant:
    input:
        ledger=f"{CURATED}/mixtures/{{experiment}}/ledger.json",
        stats=f"{CURATED}/mixtures/{{experiment}}/mixture.json",
        contamination=lambda wildcards: f"{CURATED}/{curation_of(wildcards)}/contamination.json",
        card=f"{CURATED}/mixtures/{{experiment}}/data-card.md",
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        validation=f"{CURATED}/mixtures/{{experiment}}/validation.parquet",
        code=code_inputs("curated/croissant.py", *SOURCE_FILES),
    output:
        croissant=f"{CURATED}/mixtures/{{experiment}}/croissant.json",
        hub_card=f"{CURATED}/mixtures/{{experiment}}/README.md",
    log:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/croissant.log",
    benchmark:
        f"{LOGS}/2_curated/mixtures/{{experiment}}/croissant.benchmark.tsv"
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=500,
        runtime=20,
    params:
        made_up="--made-up" if config["made_up"] else "--published",
    shell:
        "python -m collectivesft curated croissant --ledger {input.ledger} --mixture {input.stats}"
        " --contamination {input.contamination} --card {input.card} --train {input.train}"
        " --validation {input.validation} --out {output.croissant} --hub-card {output.hub_card}"
        " {params.made_up} 2> {log}"
