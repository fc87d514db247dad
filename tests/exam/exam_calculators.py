"""Made-up calculators for the exam's tests: an honest toy and one for each fault that the conditioning checks catch."""

import os
import time
from typing import ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class Honest(Calculator):
    """A Morse potential whose depth depends on charge and spin, and electrons that cost energy to take away."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]
    DEPTHS: ClassVar[dict] = {(0, 1): 4.75, (0, 3): 0.5, (1, 2): 2.8}

    def check_state(self, atoms, tol=1e-15):
        return list(all_changes)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, forces = self.predict(self.charge(), self.spin())
        self.results = {"energy": energy, "forces": forces}

    def charge(self):
        return self.atoms.info["charge"]

    def spin(self):
        return self.atoms.info["spin"]

    def predict(self, charge, spin):
        energy = charge * (5.39 if 3 in self.atoms.numbers else 15.0)
        forces = np.zeros((len(self.atoms), 3))
        for i in range(len(self.atoms)):
            for j in range(i):
                bond = self.atoms.positions[i] - self.atoms.positions[j]
                distance = np.linalg.norm(bond)
                decay = np.exp(-2.0 * (distance - 0.74144))
                depth = self.DEPTHS.get((charge, spin), 1.0)
                energy += depth * ((1 - decay) ** 2 - 1)
                push = -depth * 2 * (1 - decay) * 2.0 * decay * bond / distance
                forces[i] += push
                forces[j] -= push
        return energy, forces


class IgnoresCharge(Honest):
    def charge(self):
        return 0


class IgnoresSpin(Honest):
    def spin(self):
        return 1


class Stale(Honest):
    """ASE's own comparison, which does not look at `info`."""

    def check_state(self, atoms, tol=1e-15):
        return Calculator.check_state(self, atoms, tol)


class ReversedCharge(Honest):
    def charge(self):
        return -self.atoms.info["charge"]


class CountsCalls(Honest):
    calls = 0

    def predict(self, charge, spin):
        self.calls += 1
        energy, forces = super().predict(charge, spin)
        return energy + 0.01 * self.calls, forces


class TableOfAtoms(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return energy + (0.3 if len(self.atoms) == 1 else 0.0), forces


class InKcal(Honest):
    FACTOR = 23.0605

    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return energy * self.FACTOR, forces * self.FACTOR


class InHartree(InKcal):
    FACTOR = 1 / 27.2114


class WrongForces(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return energy, 0.9 * forces


class NoForces(Honest):
    implemented_properties: ClassVar[list[str]] = ["energy"]

    def predict(self, charge, spin):
        return super().predict(charge, spin)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        del self.results["forces"]


class NotANumber(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return np.nan if charge == 1 else energy, forces


class RaisesNear(Honest):
    """Knows hydrogen only, and only beyond 0.25 angstrom."""

    def predict(self, charge, spin):
        if (self.atoms.numbers != 1).any():
            raise KeyError("unknown element")
        if len(self.atoms) == 2 and self.atoms.get_distance(0, 1) < 0.25:
            raise RuntimeError("atoms too close")
        return super().predict(charge, spin)


class RefusesProtons(Honest):
    """Needs an electron, and says so."""

    def predict(self, charge, spin):
        if charge == self.atoms.numbers.sum():
            raise ValueError("there are no electrons")
        return super().predict(charge, spin)


class Crashes(Honest):
    def predict(self, charge, spin):
        if charge == 2:
            print("a last word on stdout", flush=True)
            os._exit(7)
        return super().predict(charge, spin)


class Hangs(Honest):
    def predict(self, charge, spin):
        if charge == 2:
            time.sleep(60)
        return super().predict(charge, spin)


def loads_once(path):
    """A model of which the machine can hold one only."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    return Honest()


class NeedsCharge(Honest):
    """Takes charge and spin as arguments of the factory."""

    def __init__(self, total_charge, multiplicity, **kwargs):
        super().__init__(**kwargs)
        self.given = total_charge, multiplicity

    def charge(self):
        return self.given[0]

    def spin(self):
        return self.given[1]


class FromMoments(Honest):
    def charge(self):
        return round(self.atoms.get_initial_charges().sum())

    def spin(self):
        return round(self.atoms.get_initial_magnetic_moments().sum()) + 1


class ByMethod(Honest):
    value = 0

    def set_charge(self, value):
        self.value = value

    def charge(self):
        return self.value


def talks():
    """Prints while it is loaded and while it predicts."""
    print("loading, please wait")
    return Talker()


class Talker(Honest):
    def predict(self, charge, spin):
        print("{not json")
        return super().predict(charge, spin)


not_callable = 3


class RefusesEverything(Honest):
    def predict(self, charge, spin):
        raise ValueError("not today")


class EnergyPerAtom(Honest):
    """An array of the energies of the atoms where their sum belongs."""

    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return np.full(len(self.atoms), energy / len(self.atoms)), forces


class ForcesAreNotNumbers(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return energy, np.nan * forces


class EnergyAsText(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return f"{energy} eV", forces


class EnergyInAList(Honest):
    """One number in an array, as many libraries return it; not wrong."""

    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return np.array([energy]), forces


class Float32(Honest):
    def predict(self, charge, spin):
        energy, forces = super().predict(charge, spin)
        return float(np.float32(energy - 31.0)) + 31.0, forces


class Slow(Honest):
    """An answer takes one millisecond."""

    calls = 0

    def predict(self, charge, spin):
        self.calls += 1
        time.sleep(0.001)
        return super().predict(charge, spin)


def returns_a_number():
    """A factory that makes no calculator."""
    return 7


def returns_a_class():
    return Honest
