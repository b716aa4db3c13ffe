# CollectiveSFT from raw data to the Hub. This file is the table of contents;
# each stage has its rules in workflow/rules/, its code in src/collectivesft/ and its
# results in results/<run>/, under the same name.


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/cli_options.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/1_raw.smk"
include: "workflow/rules/2_curated.smk"
include: "workflow/rules/3_sft.smk"
include: "workflow/rules/4_scores.smk"
include: "workflow/rules/5_figures.smk"
include: "workflow/rules/6_paper.smk"
include: "workflow/rules/7_hub.smk"


# On a cluster these run where Snakemake was started: nodes often have no way to the internet, and
# a submission costs more than seconds of drawing and typesetting.
localrules:
    raw_fetch,
    raw_fetch_model,
    curated_ledger,
    curated_card,
    scores_compare,
    scores_agree,
    scores_judge,
    scores_table,
    paper_values,
    paper_pages,
    publish,
    publish_data,
    paper_build,
    hub_publish,
    hub_verify,
    hub_push_data,


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        f"{PAPER}/paper.pdf",
        f"{PAPER}/pages",
        expand(f"{FIGURES}/{{figure}}.svg", figure=FIGURE_NAMES),
        f"{SCORES}/table.csv",
        SUBMISSIONS,
        expand(f"{CURATED}/mixtures/{{experiment}}/data-card.md", experiment=EXPERIMENTS),
        expand(f"{CURATED}/mixtures/{{experiment}}/croissant.json", experiment=EXPERIMENTS),
        f"{HUB}/{HEADLINE}/README.md",


# Push the model, fetch it back, compare: snakemake publish --config hub='{repo_id: me/model}'
rule publish:
    input:
        f"{HUB}/{HEADLINE}/verified.json",


# The same for what may be passed on of the mixture: a dataset repository beside the model's.
rule publish_data:
    input:
        f"{HUB}/{HEADLINE}/published-data.json",
