# Units that note each of their runs, for a controller that sleeps while they are submitted.


UNITS = ["a", "b", "c"]


rule units:
    input:
        expand("unit/{unit}.txt", unit=UNITS),


rule unit:
    output:
        "unit/{unit}.txt",
    resources:
        runtime=5,
        mem_mb=1000,
    shell:
        "echo $SLURM_JOB_ID >> runs.{wildcards.unit}; sleep 3; echo done > {output}"
