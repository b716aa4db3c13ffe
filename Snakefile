# The workflow is workflow/Snakefile, where the Snakemake workflow catalog looks for it.


include: "workflow/Snakefile"


# Snakemake drops the default target of a file that is included.
workflow.default_target = "all"
