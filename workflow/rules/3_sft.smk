# Stage 3: a base model as plain safetensors; an experiment's mixture as packed tokens; training,
# which resumes from its last checkpoint after a kill; the trained model as one plain folder.


rule sft_base:
    input:
        model=own("config/models/{base}.yaml"),
        manifest=f"{CACHE}/raw/models/{{base}}/manifest.json",
        template=chat_template,
        code=code_inputs("sft/base.py"),
    output:
        folder=directory(f"{CACHE}/models/{{base}}"),
    log:
        f"{LOGS}/3_sft/models/{{base}}.log",
    benchmark:
        f"{LOGS}/3_sft/models/{{base}}.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        template=template_option,
    shell:
        "python -m collectivesft sft base --model {input.model} --manifest {input.manifest:q}"
        " --out {output.folder:q} {params.template} 2> {log}"


rule sft_tokenize:
    input:
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        validation=f"{CURATED}/mixtures/{{experiment}}/validation.parquet",
        base=base_dir,
        recipe=ancient(experiment_file),
        template=chat_template,
        code=code_inputs("sft/tokenize.py"),
    output:
        tokens=directory(f"{SFT}/{{experiment}}/tokens"),
    log:
        f"{LOGS}/3_sft/{{experiment}}/tokenize.log",
    benchmark:
        f"{LOGS}/3_sft/{{experiment}}/tokenize.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        cache=f"{CACHE}/tokens",
        settings=recipe_settings,
    shell:
        "python -m collectivesft sft tokenize --train {input.train} --validation {input.validation}"
        " --base {input.base:q} --recipe {input.recipe} --out {output.tokens}"
        " --threads {threads} --cache {params.cache:q} 2> {log}"


# Off unless `perplexity_examples` is set: only the paper's table of data takes it, if it is there.
rule sft_perplexity:
    input:
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        base=base_dir,
        recipe=ancient(experiment_file),
        template=chat_template,
        code=code_inputs("sft/perplexity.py"),
    output:
        perplexity=f"{SFT}/{{experiment}}/perplexity.json",
    log:
        f"{LOGS}/3_sft/{{experiment}}/perplexity.log",
    benchmark:
        f"{LOGS}/3_sft/{{experiment}}/perplexity.benchmark.tsv"
    conda:
        f"../../envs/{MODEL_ENV}.yaml"
    container:
        container_image(MODEL_ENV)
    threads: config["threads"]
    resources:
        mem_mb=answer_memory,
        runtime=240,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        examples=config["perplexity_examples"],
        threads=config["threads"],
        settings=recipe_settings,
        more=marked_options("sft perplexity"),
    shell:
        "python -m collectivesft sft perplexity --train {input.train} --base {input.base:q}"
        " --recipe {input.recipe} --examples {params.examples} --threads {params.threads}"
        " --out {output.perplexity} {params.more} 2> {log}"


# Off unless `diversity_examples` is set: only the figure of diversity takes it.
rule sft_diversity:
    input:
        train=f"{CURATED}/mixtures/{{experiment}}/train.parquet",
        pool=curated_examples,
        base=base_dir,
        recipe=ancient(experiment_file),
        template=chat_template,
        code=code_inputs("sft/diversity.py"),
    output:
        diversity=f"{SFT}/{{experiment}}/diversity.json",
    log:
        f"{LOGS}/3_sft/{{experiment}}/diversity.log",
    benchmark:
        f"{LOGS}/3_sft/{{experiment}}/diversity.benchmark.tsv"
    conda:
        f"../../envs/{MODEL_ENV}.yaml"
    container:
        container_image(MODEL_ENV)
    threads: config["threads"]
    resources:
        mem_mb=answer_memory,
        runtime=240,
        gpu=1 if config["device"] == "cuda" else 0,
    params:
        examples=config["diversity_examples"],
        threads=config["threads"],
        settings=recipe_settings,
        more=marked_options("sft diversity"),
    shell:
        "python -m collectivesft sft diversity --train {input.train} --pool {input.pool}"
        " --base {input.base:q} --recipe {input.recipe} --examples {params.examples}"
        " --threads {params.threads} --out {output.diversity} {params.more} 2> {log}"


rule sft_train:
    input:
        tokens=tokens_of,
        base=base_dir,
        recipe=ancient(experiment_file),
        code=code_inputs("sft/train.py"),
    output:
        weights=directory(f"{SFT}/{{experiment}}/trained"),
        history=f"{SFT}/{{experiment}}/history.jsonl",
    log:
        f"{LOGS}/3_sft/{{experiment}}/train.log",
    benchmark:
        f"{LOGS}/3_sft/{{experiment}}/train.benchmark.tsv"
    conda:
        f"../../envs/{MODEL_ENV}.yaml"
    container:
        None if NODES > 1 else container_image(MODEL_ENV)
    threads: config["threads"] * max(1, GPUS)
    resources:
        mem_mb=12000,
        runtime=2880,
        gpu=GPUS * NODES,
        nodes=several_nodes(NODES),
        tasks=several_nodes(NODES),  # one launcher on each node
        tasks_per_gpu=several_nodes(0),
        mpi=several_nodes("srun"),  # the command calls srun itself
    params:
        checkpoints=f"{SFT}/{{experiment}}/checkpoints",
        costs=f"{LOGS}/3_sft/{{experiment}}/training-costs.json",
        threads=config["threads"],
        launch=launch,
        trackers=trackers,
        seed=seed_option,
        file_lock=own("workflow/lib/file_lock.py"),
        settings=recipe_settings,
    # exec: a scheduler's request to stop reaches every process of a job. A shell in between would
    # die of it, and the job would end before the training has saved itself.
    # The lock on the checkpoints: a job that a scheduler started twice must not train twice into them.
    shell:
        "mkdir -p {params.checkpoints} && exec 9>>{params.checkpoints}/.lock;"
        " python {params.file_lock} 9 '{params.checkpoints}: another job trains into it. Wait for it,"
        " or cancel it.' 2> {log} || [ $? -ne 1 ] || exit 1;"
        " exec {params.launch} collectivesft sft train --tokens {input.tokens} --base {input.base:q}"
        " --recipe {input.recipe} --checkpoints {params.checkpoints} --history {output.history}"
        " --out {output.weights} --costs {params.costs} --threads {params.threads}"
        " {params.seed} {params.trackers} 2> {log}"


rule sft_merge:
    input:
        weights=f"{SFT}/{{experiment}}/trained",
        base=base_dir,
        recipe=ancient(experiment_file),
        code=code_inputs("sft/merge.py"),
    output:
        model=directory(f"{SFT}/{{experiment}}/model"),
    log:
        f"{LOGS}/3_sft/{{experiment}}/merge.log",
    benchmark:
        f"{LOGS}/3_sft/{{experiment}}/merge.benchmark.tsv"
    conda:
        "../../envs/model-cpu.yaml"
    container:
        container_image("model-cpu")
    threads: 2
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=recipe_settings,
    shell:
        "python -m collectivesft sft merge --base {input.base:q} --trained {input.weights}"
        " --recipe {input.recipe} --out {output.model} 2> {log}"
