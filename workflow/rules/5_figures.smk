# Stage 5: figures. Each is drawn from result tables and is complete as SVG, PDF and PNG, with its
# data as CSV. All are made in the same way, so that this is one rule for each line of the table
# FIGURE_TABLE in report.smk: the inputs of a figure, and its place in the report.


for figure, entry in FIGURE_TABLE.items():

    rule:
        name:
            f"figures_{figure}"
        input:
            files=figure_files(entry),
            code=code_inputs(f"figures/{figure}.py"),
        output:
            multiext(f"{FIGURES}/{figure}", ".pdf", ".png", ".csv"),
            svg=report(
                f"{FIGURES}/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category=entry["category"],
                labels={"result": entry["label"]},
            ),
        log:
            f"{LOGS}/5_figures/{figure}.log",
        benchmark:
            f"{LOGS}/5_figures/{figure}.benchmark.tsv"
        localrule: True
        conda:
            "../../envs/paper.yaml"
        container:
            container_image("paper")
        threads: 1
        resources:
            mem_mb=1000,
            runtime=10,
        params:
            command=figure.replace("_", "-"),
            options=options(entry["files"]) + entry.get("options", []),
        shell:
            "python -m collectivesft figures {params.command} {params.options}"
            " --out {output.svg} 2> {log}"
