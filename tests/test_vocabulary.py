"""The field's words are used everywhere, and docstrings begin with what a thing is or does."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OLD_WORDS = re.compile(
    r"\bbuckets?\b|\bwitness|\bexaminees?\b|\blobes?\b|\blone\b|\blanes?\b|\bunits? of (labelling|work)\b|\bdoors?\b"
    r"|\bseal(s|ed)?\b|\bAsk\b\(|\bAnswer\(|answer_key|answer_log|worked off",
    flags=re.IGNORECASE,
)
MAY_NAME_THEM = (
    "docs/glossary.md",
    "h2scale/runtime/migration.py",
    "tests/test_vocabulary.py",
    "tests/exam/exam_of_format_1.json",  # a file of before
)
RIDDLE = re.compile(r"(Who|Whom|What|How|Whether|Where|When|Why|Which)\b")


def text_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    suffixes = (".py", ".md", ".yaml", ".yml", ".sh", ".cfg", ".toml", ".json", ".ipynb", ".css", ".js", ".cff")
    return [name for name in listed if name.endswith(suffixes) and (ROOT / name).exists()]


def old_words(text):
    return sorted({found.group(0) for found in OLD_WORDS.finditer(text)})


def riddles(source):
    """First lines of docstrings that begin with a question word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            if RIDDLE.match(first):
                yield first


@pytest.mark.skipif(not text_files(), reason="not a git checkout")
def test_no_file_uses_an_old_word():
    found = {name: old_words((ROOT / name).read_text(encoding="utf-8")) for name in text_files()}
    assert {name: words for name, words in found.items() if words and name not in MAY_NAME_THEM} == {}


def test_old_word_is_found():
    assert old_words("One job a bucket, behind one door; the cloned outdoors stays.") == ["bucket", "door"]


def test_docstrings_begin_with_what_a_thing_is_or_does():
    folders = ("h2scale", "tests", "benchmarks", "docs")  # an experiment's docstring begins with its question
    sources = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    found = [
        f"{path.relative_to(ROOT)}: {line}" for path in sources for line in riddles(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_riddle_is_found():
    assert list(riddles('def f():\n    """What all cases share."""')) == ["What all cases share."]
