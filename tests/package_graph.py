"""Imports and uses of names in the package's sources, read without importing them."""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "h2scale"

Sources = Mapping[str, ast.Module]
"""Dotted name of a module to its syntax tree; a package's `__init__` has the package's name."""


def package_sources() -> dict[str, ast.Module]:
    """Every module of h2scale."""
    return {_dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def other_sources() -> dict[str, ast.Module]:
    """Sources that use the package beside its tests: launch.py, experiments, benchmarks, the notebook."""
    files = [ROOT / "launch.py", *(ROOT / "experiments").glob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    found = {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}
    notebook = json.loads((ROOT / "experiments" / "colab.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    found["experiments/colab.ipynb"] = ast.parse("\n".join(cells))
    return found


def imports(tree: ast.AST, sources: Sources, *, at_import: bool = False) -> Iterator[str]:
    """Modules that a tree imports: those of the package by their own names, others as written.

    Args:
        tree: of one module.
        sources: of the package.
        at_import: only those imported with the module itself, not those inside functions.
    """
    for node in _outside_functions(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in sources else str(node.module)


def circles(edges: Mapping[str, Set[str]]) -> list[list[str]]:
    """Groups of modules that import each other in a circle."""
    reach: dict[str, set[str]] = {}
    for start in edges:
        seen: set[str] = set()
        waiting = list(edges[start])
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(edges.get(name, ()))
        reach[start] = seen
    groups = {frozenset(n for n in reach[name] if name in reach.get(n, ())) for name in edges if name in reach[name]}
    return sorted(sorted(group) for group in groups)


def public_functions(sources: Sources) -> set[str]:
    """Dotted names of the functions and classes that a module offers."""
    return {
        f"{module}.{node.name}"
        for module, tree in sources.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }


def used_names(trees: Sources, sources: Sources) -> set[str]:
    """Dotted names of the package that some code refers to outside their own definition; imports alone do not count."""
    known = {module: _local_names(tree, sources) for module, tree in sources.items()}
    used: set[str] = set()
    for module, tree in trees.items():
        names = _local_names(tree, sources)
        own = {
            node.name: f"{module}.{node.name}"
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign) and hasattr(node, "name")
        }
        for statement in tree.body:
            inside = getattr(statement, "name", None)
            for node in ast.walk(statement):
                path = _path(node)
                if path is None:
                    continue
                first, *rest = path
                if first in own and first != inside and first not in names:
                    used.add(own[first])
                elif first in names:
                    used.add(_original(".".join([names[first], *rest]), known))
    return used


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _outside_functions(node)


def _local_names(tree: ast.AST, sources: Sources) -> dict[str, str]:
    """Local name to the dotted name in the package that an import gives it, inside functions too."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and str(node.module).split(".")[0] == "h2scale":
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "h2scale":
                    names[alias.asname or "h2scale"] = alias.name if alias.asname else "h2scale"
    return names


def _path(node: ast.AST) -> list[str] | None:
    """`a.b.c` as its words; None for anything else."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return [node.id, *reversed(words)] if isinstance(node, ast.Name) else None


def _original(name: str, known: Mapping[str, Mapping[str, str]]) -> str:
    """Dotted name under which a name that some module passes on is defined, with what follows it cut off."""
    words = name.split(".")
    for length in range(len(words) - 1, 0, -1):
        module = ".".join(words[:length])
        if module in known:
            passed_on = known[module].get(words[length])
            if passed_on is not None and passed_on != name:
                return _original(".".join([passed_on, *words[length + 1 :]]), known)
            return f"{module}.{words[length]}"
    return name


def registry_entries() -> set[str]:
    """Functions that the exam's registry names, dotted."""
    text = (PACKAGE / "exam" / "registry.yaml").read_text(encoding="utf-8")
    found = set()
    for module, factory in re.findall(r"^\s*entry:\s*([\w.]+):(\w+)", text, flags=re.MULTILINE):
        place = module if module.startswith("h2scale") else f"h2scale.exam.calculators.{module.removesuffix('.py')}"
        found.add(f"{place}.{factory}")
    return found
