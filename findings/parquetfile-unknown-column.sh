#!/usr/bin/env bash
# pyarrow.parquet.ParquetFile.read(columns=...) ignores a column that is not there: the dotted name
# of a field inside a list gives a table with no column, where read_table raises.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv --without-pip venv
pip --python venv/bin/python install -q pyarrow==26.0.1
venv/bin/python - <<'PY'
import pyarrow
import pyarrow.parquet as pq

rows = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]]
pq.write_table(pyarrow.table({"messages": rows}), "chat.parquet")
file = pq.ParquetFile("chat.parquet")
names = ("messages.role", "messages.list.element.role", "no_such_column")
seen = {name: file.read(columns=[name]).to_pydict() for name in names}
print("pyarrow", pyarrow.__version__)
for name, read in seen.items():
    print(f"ParquetFile.read(columns=[{name!r}]) ->", read)
try:
    pq.read_table("chat.parquet", columns=["messages.role"])
    raise SystemExit("read_table accepts messages.role now")
except pyarrow.ArrowInvalid as error:
    print("read_table:", str(error).splitlines()[0][:70])
assert seen["messages.role"] == seen["no_such_column"] == {}, "an unknown column is an error now"
assert seen["messages.list.element.role"] == {"messages": [[{"role": "user"}, {"role": "assistant"}]]}
print("only messages.list.element.role reads the roles")
PY
