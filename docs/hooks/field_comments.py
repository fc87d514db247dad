"""Griffe extension: the comments beside a record's fields become the table of attributes in its API page.

Expectation values, written <S^2> in the sources, would be taken for HTML.
"""

import ast
import io
import tokenize
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Adds a section `Attributes` to classes whose fields carry comments."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for everything that has a docstring."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("<S^2>", "⟨S²⟩")

    def on_class_members(self, *, node: ast.AST | griffe.ObjectNode, cls: griffe.Class, **_: Any) -> None:
        """Called by griffe when a class and its members have been read."""
        if cls.docstring is None or not isinstance(node, ast.ClassDef):
            return
        comments = _comments(cls.source)
        # Line numbers of members count from the file's first line, those of the source from the class's.
        first = cls.lineno or 1
        lines = []
        for name, member in cls.members.items():
            if member.is_attribute and not name.startswith("_") and isinstance(member, griffe.Attribute):
                comment = comments.get((member.endlineno or 0) - first + 1)
                if comment and member.docstring is None:
                    lines.append(f"    {name}: {comment.replace('<S^2>', '⟨S²⟩')}")
        if lines:
            cls.docstring.value = "\n".join([cls.docstring.value.rstrip(), "", "Attributes:", *lines])


def _comments(source: str) -> dict[int, str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except tokenize.TokenError:
        return {}
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
