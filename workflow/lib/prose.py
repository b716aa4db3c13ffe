"""Count the habits of prose that docs/style.md rules out, per 1,000 words.

Use: python workflow/lib/prose.py [--files] PATH...
Docstrings and comments of Python files, the text of Markdown files and the lines of comments in
rules, scripts and configuration count; code blocks do not.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

GOAL = 0.3
# A habit, its pattern and its limit per 1,000 words.
HABITS = {
    "a clause with what": (
        r"\b[Ww]hat (?:is|was|of|an?|the|it|they|one|each|this|that|every|has|have|can|may|must"
        r"|will|would|did|does|decides|stands|comes?|makes?|goes|lies)\b",
        GOAL,
    ),
    "a text begins with a question word": (
        r"(?m)^(?:What|Which|Whether|How|Where|Why|When)\b",
        GOAL,
    ),
    "others or another as pronoun": (r"\b(?:others|another)\b", GOAL),
    "stands for is": (r"\b[Ss]tands?\b", GOAL),
    "alone for only": (r"\balone\b", GOAL),
    "beside, in place of, anew": (r"\bbeside\b|\bin place of\b|\banew\b", GOAL),
    "goes on for resumes": (r"\b(?:go|goes|going|went) on\b", GOAL),
    "of its own": (r"\bof (?:its|their|his|our) own\b", GOAL),
    "set for dataset": (
        r"\b(?i:data|training|each|every|all|these|demo|across|paper's) sets?\b(?! of| to)",
        GOAL,
    ),
    "is told or said": (r"\b(?:is|are|be|was) (?:told|said)\b", GOAL),
}


def prose(path: Path) -> Iterator[str]:
    """Yield the texts of one file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield re.sub(r"^(`{3,}).*?^\1", "", source, flags=re.M | re.S)
        return
    if path.suffix != ".py" and "python" not in source.partition("\n")[0]:
        comments = re.finditer(r"(?m)(?:^[ \t]*(?:#|//) .*\n?)+", source)
        yield from (re.sub(r"(?m)^[ \t]*(?:#|//) ", "", one[0]) for one in comments)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# ")


def _has_prose(path: Path) -> bool:
    """Tell whether a file is source, a script, a rule, configuration or a page."""
    if path.suffix in (".py", ".md", ".smk", ".sh", ".yaml", ".def", ".typ") or not path.suffix:
        return path.is_file() and "__pycache__" not in path.parts and b"\0" not in path.read_bytes()
    return False


def files(paths: list[Path]) -> list[Path]:
    """Return the files with prose below some paths, without tests and the style."""
    found = {one for path in paths for one in ([path] if path.is_file() else path.rglob("*"))}
    skipped = {"CHANGELOG.md", "style.md", "prose.py"}
    return sorted(
        path
        for path in found
        if _has_prose(path) and path.name not in skipped and "tests" not in path.parts
    )


def rates(paths: list[Path]) -> dict[str, tuple[float, list[tuple[int, Path]]]]:
    """Return each habit's count per 1,000 words and the files with most of them."""
    texts = {path: list(prose(path)) for path in files(paths)}
    words = sum(len(text.split()) for each in texts.values() for text in each)
    result = {}
    for habit, (pattern, _) in HABITS.items():
        counts = [(sum(len(re.findall(pattern, t)) for t in texts[p]), p) for p in texts]
        total = sum(count for count, _ in counts)
        result[habit] = (1000 * total / max(words, 1), sorted(counts, reverse=True)[:5])
    return result


def main(arguments: list[str]) -> int:
    """Print the rates; return 1 where one is above its limit."""
    paths = [Path(name) for name in arguments if name != "--files"]
    above = 0
    for habit, (rate, most) in rates(paths).items():
        limit = HABITS[habit][1]
        above += rate > limit
        print(f"{rate:6.2f} of at most {limit:.2f} per 1,000 words: {habit}")
        if "--files" in arguments or rate > limit:
            print("".join(f"{count:10}  {path}\n" for count, path in most if count), end="")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
