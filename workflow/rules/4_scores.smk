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
