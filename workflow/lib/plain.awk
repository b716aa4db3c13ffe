# Snakemake's messages as one line for each finished job; errors pass as they are.
# -v jobs=N: how many there are, but for the one that only collects.
/^\[[A-Z][a-z][a-z] [A-Z][a-z][a-z] .*\]$/ || /^Select jobs to execute/ || /^Execute [0-9]+ jobs/ { next }
/^Building DAG of jobs/ || /^Using shell:/ || /^Provided cores:/ || /^Rules claiming more threads/ { next }
/^Config file .* is extended/ || /^Assuming unrestricted shared/ || /^Provided resources:/ { next }
/^Conda environments: ignored/ || /^Singularity containers: ignored/ { next }
/^Job stats:/ { table = 1; next }
table { if ($0 == "") table = 0; next }
/^Finished jobid: / { rule = $5; sub(/\)$/, "", rule); next }
/^[0-9]+ of [0-9]+ steps / {
  if (rule != "all") printf "%5d/%d  %s\n", $1, jobs, rule
  fflush(); next
}
/^Complete log\(s\):/ || /^Elapsed time:/ || /^$/ { next }
{ print; fflush() }
