# Jobs that Slurm kills for memory: one by itself, one in a group, and one whose second try has enough.
# And one whose partition it does not have.


PATHS = [f"{name}.txt" for name in ("alone", "grouped", "again", "refused")]
# Eats so many MB for a second.
EAT = (
    'python3 -c \'import sys; x = b"1" * int(sys.argv[1] + "000000"); __import__("time").sleep(1)\''
)


rule greedy:
    input:
        PATHS,


rule alone:
    output:
        "alone.txt",
    log:
        "logs/alone.log",
    resources:
        runtime=5,
        mem_mb=400,
    shell:
        "echo 'reading rows' > {log}; {EAT} 900 2>> {log}; touch {output}"


rule grouped:
    output:
        "grouped.txt",
    log:
        "logs/grouped.log",
    group:
        "together"
    resources:
        runtime=5,
        mem_mb=400,
    shell:
        "{EAT} 900 2> {log}; touch {output}"


rule again:
    output:
        "again.txt",
    log:
        "logs/again.log",
    resources:
        runtime=5,
        mem_mb=lambda wildcards, attempt: 400 if attempt == 1 else 1500,
    shell:
        "{EAT} 900 2> {log}; touch {output}"


rule refused:
    output:
        "refused.txt",
    log:
        "logs/refused.log",
    resources:
        runtime=5,
        mem_mb=100,
        slurm_partition="nowhere",
    shell:
        "echo done > {output}"
