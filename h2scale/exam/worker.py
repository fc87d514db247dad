"""Hold one ASE calculator and reply to requests over pipes, in whatever interpreter this script is started with.

Needs only ASE and NumPy there. Requests are JSON lines on stdin, replies JSON lines on what was stdout at the start;
whatever a library prints goes to stderr. The first request loads the calculator:

    {"entry": "MODULE:FACTORY" or "FILE.py:FACTORY", "kwargs": {...}, "charge": HOW, "spin": HOW, "packages": [...]}

where the versions of `packages` are wanted beside those of ASE and NumPy. Every other request is for structures, each
with a reply of its own as soon as it is computed:

    {"structures": [{"numbers": [...], "positions": [...], "charge": q, "spin": 2S + 1}, ...], "reuse": bool}

HOW a number is passed: "info:KEY" writes atoms.info[KEY], "method:NAME" calls calculator.NAME(value), "argument:NAME"
hands it to the factory and keeps one calculator per value, "initial_charges" or "initial_magmoms" spreads it over the
atoms, "none" passes nothing. With "reuse" one Atoms object goes through all structures and the calculator is left as
it is, as a user's scan would do; otherwise every structure is a new Atoms object and the calculator is reset first.
"""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

REASON_LENGTH = 300


def main() -> None:
    """Serve requests until stdin ends."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message, allow_nan=True) + "\n")
        channel.flush()

    # A script's own folder comes first on the path, where its neighbours would hide a user's modules.
    sys.path[0] = os.getcwd()
    model: LoadedCalculator | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if "entry" in request:
            try:
                model = load(request)
                reply({"loaded": True, **model.describe()})
            except Exception as error:  # whatever foreign code raises is the reply here
                reply({"loaded": False, "reason": describe_error(error)})
            continue
        if model is None:
            raise RuntimeError("structures were sent before a calculator was loaded")
        model.start_over()
        for structure in request["structures"]:
            reply(model.predict(structure, request["reuse"]))


class NotACalculatorError(TypeError):
    """A factory returned an object that is no calculator."""


class LoadedCalculator:
    """A factory, the calculators it made, and how charge and spin reach them.

    Args:
        factory: makes a calculator.
        name: of the factory, for messages.
        kwargs: arguments of the factory.
        charge, spin: HOW, as above.
        packages: whose versions are wanted.

    Raises:
        TypeError: the factory needs other arguments, or returns no calculator.
    """

    def __init__(
        self,
        factory: Callable[..., "Calculator"],
        *,
        name: str,
        kwargs: dict[str, Any],
        charge: str,
        spin: str,
        packages: Sequence[str] = (),
    ) -> None:
        self.factory, self.name, self.kwargs, self.packages = factory, name, kwargs, packages
        self.source_of: Any = factory  # whose package and file are described
        self.how = {"charge": charge, "spin": spin}
        self.calculators: dict[tuple[tuple[str, int], ...], Calculator] = {}
        self.atoms: Atoms | None = None
        arguments = {way.partition(":")[2] for way in self.how.values() if way.startswith("argument:")}
        check_arguments(self.factory, name, arguments | set(self.kwargs))
        try:
            self.calculator(0, 1)
        except NotACalculatorError:
            raise
        except Exception:
            if not arguments:
                raise  # else this charge and spin may be refused, and others not

    def describe(self) -> dict[str, Any]:
        """Versions of what makes the predictions, and a digest of the file that the factory is written in."""
        packages = {}
        top = (getattr(self.source_of, "__module__", None) or "").split(".")[0]
        named = importlib.metadata.packages_distributions().get(top, [])
        for name in (*named, *self.packages, "ase", "numpy"):
            try:
                packages[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue  # run from a checkout
        return {"python": platform.python_version(), "packages": packages, "source": digest_source(self.source_of)}

    def calculator(self, charge: int, spin: int) -> "Calculator":
        """The calculator for this charge and spin: one for all, unless they are arguments of the factory."""
        values = {"charge": charge, "spin": spin}
        arguments = {
            way.partition(":")[2]: values[what] for what, way in self.how.items() if way.startswith("argument:")
        }
        key = tuple(sorted(arguments.items()))
        if key not in self.calculators:
            made = self.factory(**self.kwargs, **arguments)
            if isinstance(made, type) or not hasattr(made, "get_potential_energy"):
                what = f"the class {made.__name__}" if isinstance(made, type) else f"{type(made).__name__}"
                raise NotACalculatorError(f"could not be asked: {self.name} returned {what}, no ASE calculator")
            self.calculators[key] = made
        return self.calculators[key]

    def start_over(self) -> None:
        """Forget the Atoms object of an earlier request."""
        self.atoms = None

    def predict(self, structure: dict[str, Any], reuse: bool) -> dict[str, Any]:
        """Energy in eV and forces in eV/angstrom as the calculator gives them, or the reason why there are none.

        What the calculator raises is `refused`; an energy that is not one number is a `fault` of the calculator.
        """
        from ase.calculators.calculator import PropertyNotImplementedError

        try:
            calculator = self.calculator(structure["charge"], structure["spin"])
            atoms = self.prepare(structure, calculator, reuse)
            if not reuse and hasattr(calculator, "reset"):
                calculator.reset()
            given = atoms.get_potential_energy()
        except NotACalculatorError as error:
            return {"fault": str(error)}
        except Exception as error:  # any exception is a refusal, whatever its type
            return {"refused": describe_error(error)}
        energy = single_number(given)
        if energy is None:
            shape = getattr(given, "shape", None)
            what = type(given).__name__ + ("" if shape is None else f" of shape {tuple(shape)}")
            return {"fault": f"the energy is no single number but {what}"}
        try:
            forces = [[float(value) for value in row] for row in atoms.get_forces()]
        except (PropertyNotImplementedError, NotImplementedError, AttributeError):
            return {"energy": energy, "no_forces": "the calculator gives no forces"}
        except Exception as error:  # as above
            return {"energy": energy, "no_forces": describe_error(error)}
        return {"energy": energy, "forces": forces}

    def prepare(self, structure: dict[str, Any], calculator: "Calculator", reuse: bool) -> "Atoms":
        """The Atoms object of a structure, with charge and spin on it."""
        from ase import Atoms

        if reuse and self.atoms is not None and self.atoms.numbers.tolist() == structure["numbers"]:
            atoms = self.atoms
            atoms.set_positions(structure["positions"])
        else:
            atoms = self.atoms = Atoms(numbers=structure["numbers"], positions=structure["positions"])
        atoms.calc = calculator
        for what, way in self.how.items():
            place, _, name = way.partition(":")
            value = structure[what]
            if place == "info":
                atoms.info[name] = value
            elif place == "method":
                getattr(calculator, name)(value)
            elif place == "initial_charges":
                atoms.set_initial_charges([value / len(atoms)] * len(atoms))
            elif place == "initial_magmoms":
                atoms.set_initial_magnetic_moments([(value - 1) / len(atoms)] * len(atoms))
        return atoms


def load(request: dict[str, Any]) -> LoadedCalculator:
    """The calculator that the first request names."""
    return LoadedCalculator(
        find_factory(request["entry"]),
        name=request["entry"],
        kwargs=request["kwargs"],
        charge=request["charge"],
        spin=request["spin"],
        packages=request["packages"],
    )


def single_number(given: Any) -> float | None:
    """An energy as a float; None if it is not exactly one real number. An array of one element is one number."""
    if isinstance(given, str | bytes | bool):
        return None
    try:
        return float(given.item() if hasattr(given, "item") else given)
    except (TypeError, ValueError, RuntimeError):
        return None


def find_factory(entry: str) -> Callable[..., "Calculator"]:
    """The object that MODULE:FACTORY or FILE.py:FACTORY names.

    Raises:
        ImportError, AttributeError: names the file, module or attribute that is missing.
        TypeError: the object cannot be called.
    """
    module_name, _, name = entry.rpartition(":")
    if not module_name or not name:
        raise ImportError(f"a calculator is named MODULE:FACTORY or FILE.py:FACTORY; got {entry!r}")
    if module_name.endswith(".py"):
        if not os.path.isfile(module_name):
            raise ImportError(f"there is no file {module_name}")
        stem = os.path.splitext(os.path.basename(module_name))[0]
        spec = importlib.util.spec_from_file_location(f"exam_calculator_{stem}", module_name)
        if spec is None or spec.loader is None:
            raise ImportError(f"{module_name} cannot be imported")
        module: Any = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(module_name)
    for part in name.split("."):
        if not hasattr(module, part):
            raise AttributeError(f"{module_name} has no {name}")
        module = getattr(module, part)
    if not callable(module):
        raise TypeError(f"{entry} is {type(module).__name__}, which cannot be called to make a calculator")
    return module


def check_arguments(factory: Callable[..., Any], name: str, given: set[str]) -> None:
    """Raise TypeError that names the arguments that a factory needs and is not given."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return  # written in C: only a call shows it
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        and parameter.name not in given
    ]
    if needed:
        raise TypeError(f"{name} needs the arguments {', '.join(needed)}; name a factory that can be called without")


def digest_source(factory: Any) -> str:
    """SHA-256 of the factory's file; empty where there is none to read."""
    try:
        path = inspect.getsourcefile(factory)
        if path is None:
            return ""
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except (TypeError, OSError):
        return ""


def describe_error(error: BaseException) -> str:
    """One line: type and message."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:REASON_LENGTH] if text else type(error).__name__


if __name__ == "__main__":
    main()
