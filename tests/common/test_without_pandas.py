"""The commands of stage curated start without pandas, which pyarrow would import."""

import subprocess
import sys

from collectivesft.curated.storage import parquet
from collectivesft.schema.example import Example


def test_clean_and_its_processes_import_no_pandas(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP", 2)
    turns = [("user", "头痛怎么办？"), ("assistant", "请多休息。")]
    examples = [Example(f"cmid:{i}", "cmid", "qa", "zh", turns) for i in range(4)]
    parquet.write_results(examples, tmp_path / "read", tmp_path / "gone")
    assert len(parquet.row_groups([tmp_path / "read"])) == 2
    command = [sys.executable, "-X", "importtime", "-m", "collectivesft", "curated", "clean"]
    command += ["--examples", tmp_path / "read", "--out", tmp_path / "out", "--threads", "2"]
    command += ["--dropped", tmp_path / "dropped", "--ledger", tmp_path / "ledger"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pyarrow" in imported and "collectivesft.curated.clean" in imported
    assert "pandas.core" not in imported and "rich.progress" not in imported
