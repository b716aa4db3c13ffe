# Stage 1: raw files of datasets, benchmarks and base models, verified. A killed download resumes
# where it stopped: the files are next to the manifest, which is written last. A dataset that cannot be
# had may be left out (config: raw.on_unavailable): its manifest then says why and lists no files, and it
# is fetched again when somebody places its files, or when the manifest is deleted.


rule raw_fetch:
    input:
        placed=source_placed,
        checksums=source_checksums,
        code=source_code,
    output:
        manifest=f"{RAW}/{{kind}}/{{name}}/manifest.json",
    log:
        f"{LOGS}/1_raw/{{kind}}/{{name}}.log",
    benchmark:
        f"{LOGS}/1_raw/{{kind}}/{{name}}.benchmark.tsv"
    retries: 2
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        options=source_options,
        lock=own("config/raw.lock.yaml"),  # not an input: a new entry must not fetch anything again
        folder=subpath(output.manifest, parent=True),
    shell:
        "python -m collectivesft raw fetch --source {wildcards.kind}/{wildcards.name}"
        " --out {params.folder}/files --manifest {output.manifest} --lock {params.lock}"
        " {params.options} 2> {log}"


rule raw_fetch_model:
    input:
        model=own("config/models/{base}.yaml"),
        placed=model_placed,
        code=code_inputs("raw/fetch_model.py"),
    output:
        manifest=f"{CACHE}/raw/models/{{base}}/manifest.json",
    log:
        f"{LOGS}/1_raw/models/{{base}}.log",
    benchmark:
        f"{LOGS}/1_raw/models/{{base}}.benchmark.tsv"
    retries: 2
    conda:
        "../../envs/data.yaml"
    container:
        container_image("data")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=720,
    params:
        folder=subpath(output.manifest, parent=True),
        options=model_options,
    shell:
        "python -m collectivesft raw fetch-model --model {input.model}"
        " --out {params.folder:q}/files --manifest {output.manifest:q} {params.options} 2> {log}"
