"""Count habits of prose in docstrings, comments and Markdown, and fail above a limit."""

import prose


def test_counts_docstrings_comments_and_markdown_without_code(tmp_path, monkeypatch):
    (tmp_path / "a.py").write_text('"""What is there."""\nx = "what is it"  # stands here\n')
    (tmp_path / "b.md").write_text("It goes on.\n\n```bash\nwhat is it stands\n```\n")
    found = {habit: rate for habit, (rate, _) in prose.rates([tmp_path]).items()}
    words = 3 + 2 + 3
    assert found["a clause with what"] == 1000 / words
    assert found["a text begins with a question word"] == 1000 / words
    assert found["stands for is"] == 1000 / words
    assert found["goes on for resumes"] == 1000 / words
    assert found["of its own"] == 0


def test_a_rate_above_its_limit_fails_and_names_the_files(tmp_path, capsys):
    (tmp_path / "a.md").write_text("What is alone stands beside others of its own.\n")
    assert prose.main([str(tmp_path)]) == 1
    assert str(tmp_path / "a.md") in capsys.readouterr().out
    (tmp_path / "a.md").write_text("The reader skips the row.\n")
    assert prose.main([str(tmp_path)]) == 0


def test_comments_of_rules_and_scripts_count_and_their_code_does_not(tmp_path):
    (tmp_path / "a.smk").write_text(
        '# All sets stand here.\nrule a:\n    shell: "stands # alone"\n'
    )
    (tmp_path / "run").write_text("#!/bin/bash\n# It goes on.\necho goes on\n")
    (tmp_path / "tool").write_text('#!/usr/bin/env python3\n"""Stands here."""\n')
    (tmp_path / "b.svg").write_text("# stands\n")
    found = {habit: rate for habit, (rate, _) in prose.rates([tmp_path]).items()}
    words = 4 + 3 + 2 + 2  # with the tool's first line, which is a comment of Python
    assert found["set for dataset"] == found["goes on for resumes"] == 1000 / words
    assert found["stands for is"] == 2 * 1000 / words and found["alone for only"] == 0
