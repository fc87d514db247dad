"""The layers of the style hold: data flows one way, and heavy libraries stand behind one door each."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "h2scale"

# A module may import those of its own layer and of the layers before it.
LAYERS = (
    {"units", "types", "elements", "numerics", "errors", "config"},
    {"runtime"},
    {"electronic_structure"},
    {"physics"},
    {"data"},
    {"labels"},
    {"graphs"},
    {"models"},
    {"training"},
    {"benchmark"},
    {"evaluation"},
    {"exam"},
    {"study"},
    {"scaling"},
    {"report"},
    {"stages"},
    {"runner"},
    {"command_line"},
)
DOORS = {  # folders and files that may import a library
    "pyscf": ("electronic_structure/",),
    "ase": ("evaluation/calculator.py", "exam/", "data/readers/ase_database.py", "data/readers/extxyz.py"),
    "submitit": ("runtime/cluster.py",),
    "matplotlib": ("report/",),
    "rdkit": ("labels/molecules.py",),
    "tblite": ("labels/tight_binding.py", "exam/calculators/adapters.py"),
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imported_names(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(name):
    found = [place for place, layer in enumerate(LAYERS) if name in layer]
    assert len(found) == 1, f"h2scale.{name} belongs to no layer; add it to LAYERS"
    return found[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_its_own_layer_and_those_before(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for name in imported_names(path):
        parts = name.split(".")
        if parts[0] == "h2scale" and len(parts) > 1:
            assert layer_of(parts[1]) <= layer_of(own), f"{path} imports {name}, which lies above it"


@pytest.mark.parametrize("library", DOORS)
def test_heavy_library_stands_behind_one_door(library):
    for path in modules():
        inside = str(path.relative_to(PACKAGE))
        if library in {name.split(".")[0] for name in imported_names(path)}:
            assert inside.startswith(DOORS[library]), f"{inside} imports {library}"


@pytest.mark.parametrize("module", ["h2scale", "h2scale.runner"])
def test_import_pulls_in_no_heavy_library(module):
    code = f"import sys, {module}; print(*sorted({{'pyscf', 'ase', 'matplotlib'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
