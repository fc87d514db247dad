"""MkDocs hook: the settings of h2scale/config.py as tables of key, default, and the comment that stands beside it."""

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

CONFIG = Path(__file__).parent.parent.parent / "h2scale" / "config.py"
MARKER = "<!-- settings -->"


class Setting(NamedTuple):
    """One line of the vocabulary."""

    key: str  # dotted, or a section's name
    default: str | None  # as written in the source; None for a section
    comment: str  # unit, meaning and allowed values; empty where the source says nothing


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables where the marker stands; called by MkDocs for each page."""
    if MARKER not in markdown:
        return markdown
    return markdown.replace(MARKER, to_markdown(read(CONFIG.read_text(encoding="utf-8"))))


def read(source: str) -> list[Setting]:
    """Settings in the order of the dictionary that `default` returns.

    Args:
        source: text of h2scale/config.py.

    Raises:
        ValueError: there is no such function or dictionary.
    """
    functions = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "default"
    ]
    tables = [node for function in functions for node in ast.walk(function) if isinstance(node, ast.Dict)]
    if not tables:
        raise ValueError("config.py: the function `default` holds no dictionary of settings.")
    return list(_visit(tables[0], "", source, _comments(source)))


def to_markdown(settings: list[Setting]) -> str:
    """A heading and a table for each outermost section; settings that belong to none come first."""
    blocks: dict[str, list[Setting]] = {"": []}
    for setting in settings:
        section = setting.key.split(".")[0]
        if setting.default is None and "." not in setting.key:
            blocks[section] = [setting]
        else:
            blocks.get(section, blocks[""]).append(setting)
    lines: list[str] = []
    for section, rows in blocks.items():
        title = f"## {section}" if section else "## Settings without a section"
        about = rows.pop(0).comment if section else ""
        lines += [title, "", *([_sentence(about), ""] if about else [])]
        lines += ["| setting | default | meaning |", "|---|---|---|"]
        for row in rows:
            lines.append(f"| `{row.key}` | {_default(row.default)} | {_cell(row.comment)} |")
        lines.append("")
    return "\n".join(lines)


def _visit(table: ast.Dict, prefix: str, source: str, comments: dict[int, str]) -> Iterator[Setting]:
    for key, value in zip(table.keys, table.values, strict=True):
        if not isinstance(key, ast.Constant):
            raise ValueError(f"config.py, line {table.lineno}: a setting's name must be written out.")
        name = f"{prefix}{key.value}"
        if isinstance(value, ast.Dict) and value.keys:
            yield Setting(name, None, comments.get(key.lineno, ""))
            yield from _visit(value, f"{name}.", source, comments)
        else:
            last_line = value.end_lineno or key.lineno
            comment = comments.get(last_line, comments.get(key.lineno, ""))
            yield Setting(name, " ".join((ast.get_source_segment(source, value) or "").split()), comment)


def _comments(source: str) -> dict[int, str]:
    """Comments by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


def _default(source: str | None) -> str:
    if source is None:
        return ""
    text = source.strip('"')
    return f"`{text}`" if text else "empty"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
