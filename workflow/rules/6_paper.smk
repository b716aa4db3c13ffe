# Stage 6: the paper. All its numbers go through one values file, read from result files.


rule paper_values:
    input:
        ledger=f"{CURATED}/mixtures/{HEADLINE}/ledger.json",
        stats=f"{CURATED}/mixtures/{HEADLINE}/mixture.json",
        contamination=HEADLINE_CONTAMINATION,
        tokens=f"{SFT}/{HEADLINE}/tokens",
        perplexity=perplexity_file,
        history=f"{SFT}/{HEADLINE}/history.jsonl",
        recipe=own(f"config/experiments/{HEADLINE}.yaml"),
        model=own(f"config/models/{RECIPES[HEADLINE].base}.yaml"),
        scores=score_files,
        leaderboard=LEADERBOARD,
        clinical_leaderboard=CLINICAL_LEADERBOARD,
        experiments=EXPERIMENT_FILES,
        trained=EXPERIMENT_TOKENS,
        comparisons=comparisons,
        agreements=agreements,
        effects=contamination_files,
        planned=PLANNED,
        code=code_inputs("paper/values.py", *SOURCE_FILES, *BENCHMARK_FILES),
    output:
        values=f"{PAPER}/values.json",
    log:
        f"{LOGS}/6_paper/values.log",
    benchmark:
        f"{LOGS}/6_paper/values.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        container_image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        scores=lambda wildcards, input: options(
            {
                "scores": input.scores,
                "experiment-recipe": input.experiments,
                "experiment-tokens": input.trained,
                "comparison": input.comparisons,
                "agreement": input.agreements,
                "contamination-effect": input.effects,
                "planned": input.planned,
                "perplexity": input.perplexity,
            }
        ),
        headline="--experiment {experiment} --benchmark {benchmark} --protocol {protocol}".format(
            **config["headline"]
        ),
        demo="--demo" if config["demo"] else "--no-demo",
        made_up="--made-up" if config["made_up"] else "--published",
        run=config["run"],
    shell:
        "python -m collectivesft paper values --run {params.run} {params.demo} {params.made_up}"
        " {params.headline}"
        " --ledger {input.ledger} --mixture {input.stats} --contamination {input.contamination}"
        " --tokens {input.tokens}/tokens.json --history {input.history} --recipe {input.recipe}"
        " --model {input.model} {params.scores} --leaderboard {input.leaderboard}"
        " --clinical-leaderboard {input.clinical_leaderboard}"
        " --out {output.values} 2> {log}"


rule paper_build:
    input:
        values=f"{PAPER}/values.json",
        figures=expand(f"{FIGURES}/{{figure}}.svg", figure=FIGURE_NAMES),
        manuscript=own("paper/main.typ"),
        library=own("paper/lib.typ"),
        references=own("paper/references.bib"),
        code=code_inputs("paper/build.py"),
    output:
        pdf=report(
            f"{PAPER}/paper.pdf",
            caption="../report/paper.rst",
            category="Paper",
            labels={"result": "The paper"},
        ),
        tables=directory(f"{PAPER}/tables"),
    log:
        f"{LOGS}/6_paper/build.log",
    benchmark:
        f"{LOGS}/6_paper/build.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        container_image("paper")
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        figures=lambda wildcards, input: os.path.dirname(input.figures[0]),
        manuscript=subpath(input.manuscript, parent=True),
    shell:
        "python -m collectivesft paper build --values {input.values} --figures {params.figures}"
        " --manuscript {params.manuscript} --out {output.pdf} --tables {output.tables} 2> {log}"


# Reads every stage, as a report does: tables, ledgers and cards as pages that a browser shows.
rule paper_pages:
    input:
        pages=[path for _, path in PAGES],
        tables=f"{PAPER}/tables",
        front=f"{SCORES}/table.md",
        code=[*code_inputs("paper/pages.py"), package_file("paper", "page", ".css")],
    output:
        pages=report(
            directory(f"{PAPER}/pages"),
            patterns=["{category}/{title}.html"],
            caption="../report/page.rst",
            category="{category}",
            labels={"result": "{title}"},
        ),
    log:
        f"{LOGS}/6_paper/pages.log",
    benchmark:
        f"{LOGS}/6_paper/pages.benchmark.tsv"
    conda:
        "../../envs/paper.yaml"
    container:
        container_image("paper")
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        pages=[f"--page={name}={path}" for name, path in PAGES],
    shell:
        "python -m collectivesft paper pages {params.pages:q} --folder Paper={input.tables}"
        " --front {input.front} --out {output.pages} 2> {log}"
