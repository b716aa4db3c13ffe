"""The files among which a dataset's or benchmark's name chooses."""

import pytest

from collectivesft.common.errors import UserError
from collectivesft.common.named_files import named_files


def test_a_name_has_one_file_with_code_or_without(tmp_path):
    for name in ("b.py", "a.yaml", "_shared.py", "__init__.py", "notes.txt"):
        (tmp_path / name).touch()
    assert named_files([str(tmp_path)]) == {"a": tmp_path / "a.yaml", "b": tmp_path / "b.py"}
    (tmp_path / "b.yaml").touch()
    with pytest.raises(UserError, match=r"b\.yaml: b\.py is there too"):
        named_files([str(tmp_path)])
