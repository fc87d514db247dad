"""The package's layout: imports go one way, heavy libraries have one room each, nothing is there for tests alone."""

import ast
import subprocess
import sys

import package_graph
import pytest

from h2scale.exam import sections

SOURCES = package_graph.package_sources()

# A module may import those of its own layer and of the layers before it; docs/architecture.md explains them.
LAYERS = (
    {"units", "types", "elements", "numerics", "errors", "setting_checks", "config"},
    {"runtime"},
    {"electronic_structure"},
    {"physics"},
    {"judge"},
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
    {"remedies"},
    {"report"},
    {"stages"},
    {"runner"},
    {"command_line"},
)
LIBRARIES = {  # modules and packages that may import a heavy library
    "pyscf": ("electronic_structure",),
    "ase": (
        "evaluation.calculator",
        "evaluation.molecule_calculator",
        "remedies.calculator",
        "exam",
        "data.readers.ase_database",
        "data.readers.ase_files",
        "data.readers.extxyz",
    ),
    "submitit": ("runtime.cluster",),
    "matplotlib": ("report", "exam.card", "exam.card_figure"),
    "rdkit": ("labels.molecules",),
    "tblite": ("electronic_structure.tight_binding", "exam.calculators.adapters"),
}
USED_FROM_OUTSIDE = {
    "h2scale.command_line.main",  # the console command
    "h2scale.data.partition.sides",  # a user's scripts
    "h2scale.evaluation.calculator.H2ScaleCalculator",  # a user's ASE scripts
    "h2scale.exam.examination.check_conditioning",  # a user's scripts and tests, as exam.check_conditioning
    "h2scale.exam.examination.check_separation",  # the same
    "h2scale.exam.examination.examine",
    *(f"{section.module}.examine" for section in sections.SECTIONS.values()),
}
"""Public functions that nothing calls by name here; sections of the exam are called by the name in their table."""


def layer_of(module):
    room = module.split(".")[1]
    found = [place for place, layer in enumerate(LAYERS) if room in layer]
    assert len(found) == 1, f"h2scale.{room} belongs to no layer; add it to LAYERS"
    return found[0]


def upward(sources):
    """Imports of a layer that lies above the importing one."""
    for module, tree in sources.items():
        for name in package_graph.imports(tree, sources):
            if module != "h2scale" and name.startswith("h2scale.") and layer_of(name) > layer_of(module):
                yield f"{module} imports {name}"


def import_edges(sources):
    return {
        module: {name for name in package_graph.imports(tree, sources, at_import=True) if name in sources} - {module}
        for module, tree in sources.items()
    }


@pytest.fixture(scope="module")
def used():
    """Names that the package and what uses it refer to."""
    everything = {**SOURCES, **package_graph.other_sources()}
    return package_graph.used_names(everything, SOURCES) | package_graph.registry_entries()


def test_imports_go_one_way():
    assert list(upward(SOURCES)) == []


@pytest.mark.parametrize(
    "line",
    ["from h2scale.study import planning", "def late():\n    import h2scale.report.page", "import h2scale.runner"],
)
def test_import_of_a_layer_above_is_caught(line):
    broken = SOURCES | {"h2scale.physics.made_up": ast.parse(line)}
    (found,) = upward(broken)
    assert found.startswith("h2scale.physics.made_up imports h2scale.")


def test_module_without_a_layer_is_caught():
    with pytest.raises(AssertionError, match="belongs to no layer"):
        list(upward(SOURCES | {"h2scale.made_up": ast.parse("from h2scale import units")}))


def test_no_modules_import_each_other_in_a_circle():
    assert package_graph.circles(import_edges(SOURCES)) == []


def test_circle_is_caught():
    first, second = "h2scale.physics.first", "h2scale.physics.second"
    broken = {first: ast.parse("from h2scale.physics import second"), second: ast.parse(f"import {first}")}
    assert package_graph.circles(import_edges(SOURCES | broken)) == [[first, second]]
    late = {first: ast.parse("def later():\n    from h2scale.physics import second")}
    assert package_graph.circles(import_edges(SOURCES | broken | late)) == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_heavy_library_is_imported_by_its_own_room_alone(library):
    allowed = tuple(f"h2scale.{room}" for room in LIBRARIES[library])
    importing = [
        module
        for module, tree in SOURCES.items()
        if library in {name.split(".")[0] for name in package_graph.imports(tree, SOURCES)}
    ]
    assert importing, f"nothing imports {library}"
    assert [module for module in importing if not f"{module}.".startswith(tuple(f"{name}." for name in allowed))] == []


IMPURE = {"argparse", "csv", "h5py", "multiprocessing", "concurrent", "subprocess", "logging", "absl"}
PHYSICS_ON_DISK = {"h2scale.physics.potential_curve"}  # the cache of computed curves, the one thing that it keeps


def impurities(sources):
    """Imports and calls of physics that do more than compute: prints, pools, command lines, files but the cache."""
    for module, tree in sources.items():
        if not module.startswith("h2scale.physics"):
            continue
        for name in package_graph.imports(tree, sources):
            if name.split(".")[0] in IMPURE or (name.startswith("h2scale.runtime") and module not in PHYSICS_ON_DISK):
                yield f"{module} imports {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in ("print", "open"):
                yield f"{module} calls {node.id}"


def test_physics_is_pure():
    assert set(SOURCES) >= PHYSICS_ON_DISK
    assert list(impurities(SOURCES)) == []


@pytest.mark.parametrize(
    "line",
    [
        "from h2scale.runtime import tables",
        "import h5py",
        "from concurrent.futures import ProcessPoolExecutor",
        "def told():\n    print('done')",
        "def kept(path):\n    with open(path, 'w') as file:\n        file.write('')",
    ],
)
def test_physics_that_does_more_than_compute_is_caught(line):
    (found,) = impurities(SOURCES | {"h2scale.physics.made_up": ast.parse(line)})
    assert found.startswith("h2scale.physics.made_up ")


@pytest.mark.parametrize("module", ["h2scale", "h2scale.runner"])
def test_import_pulls_in_no_heavy_library(module):
    code = f"import sys, {module}; print(*sorted({{'pyscf', 'ase', 'matplotlib'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_no_public_function_is_there_for_tests_alone(used):
    assert package_graph.public_functions(SOURCES) - used == USED_FROM_OUTSIDE


@pytest.mark.parametrize(
    "source",
    [
        "def lonely():\n    return 1",
        "def lonely():\n    return lonely()",
        "from h2scale.physics import coulomb\n\nclass lonely:\n    pass\n\ndef _private():\n    coulomb",
    ],
    ids=["never called", "calls itself", "beside others"],
)
def test_function_that_nothing_calls_is_caught(source):
    name = "h2scale.physics.made_up"
    own = {name: ast.parse(source)}
    assert package_graph.public_functions(own) - package_graph.used_names(own, own) == {f"{name}.lonely"}
    caller = {"experiments/made_up.py": ast.parse("from h2scale.physics import made_up as here\n\nhere.lonely()")}
    assert package_graph.public_functions(own) - package_graph.used_names(own | caller, own) == set()


def test_function_that_a_package_passes_on_is_used():
    sources = {
        "h2scale.room": ast.parse("from h2scale.room.inner import offered as offered"),
        "h2scale.room.inner": ast.parse("def offered():\n    pass\n\ndef hidden():\n    pass"),
    }
    caller = {"experiments/made_up.py": ast.parse("from h2scale import room\n\nroom.offered()")}
    unused = package_graph.public_functions(sources) - package_graph.used_names(sources | caller, sources)
    assert unused == {"h2scale.room.inner.hidden"}
