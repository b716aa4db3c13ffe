# Jobs with the troubles of a cluster: each is hit on its first try only, but for the last.


rule all:
    input:
        "late.txt",
        "cancelled.txt",
        "failing.txt",


rule late:
    output:
        "late.txt",
    resources:
        tries=lambda wildcards, attempt: attempt,
        runtime=lambda wildcards, attempt: attempt,
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    shell:
        "[ {resources.tries} != 1 ] || sleep 400; echo {resources.runtime} {resources.mem_mb} > {output}"


rule cancelled:
    output:
        "cancelled.txt",
    resources:
        tries=lambda wildcards, attempt: attempt,
        runtime=5,
        mem_mb=1000,
    shell:
        "[ {resources.tries} != 1 ] || {{ echo half > {output}; sleep 400; }}; echo whole > {output}"


rule failing:
    output:
        "failing.txt",
    log:
        "failing.log",
    resources:
        runtime=5,
        mem_mb=1000,
    shell:
        "echo 'error: no luck today' > {log}; exit 1"
