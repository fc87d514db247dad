"""Molecular graphs to label (closed-shell graphs of correct valence, hydrides, diatomics) and their first geometries.

The only module that imports RDKit. A molecular graph is named by its canonical SMILES and grown atom by atom: removing
an outermost atom of a connected graph leaves a smaller connected one, so growing every graph of n - 1 atoms by one atom
in every way that valence allows gives all graphs of n atoms.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from h2scale.data import bonding

if TYPE_CHECKING:
    from rdkit.Chem import Mol

VALENCE = {"C": 4, "N": 3, "O": 2, "F": 1}
HYDRIDES_AND_DIATOMICS = ("[H][H]", "[LiH]", "[BeH2]", "B", "[BH]", "[Li][Li]", "[Li]F", "[Be]=O", "[B]F", "[C-]#[O+]")
"""Closed-shell molecules that the graphs of C, N, O, F do not cover."""
TRIPLETS = ("O=O",)
"""Graphs whose ground state is a triplet although every valence is satisfied."""

_CARBENES = frozenset({"C", "N", "O"})
"""Elements whose atoms with two free valences have a triplet ground state: CH2, NH, and what derives from them."""

ELEMENT_ODDS = {"C": 0.5, "N": 0.22, "O": 0.2, "F": 0.08}
"""Share of each element among the atoms of sampled graphs."""

_DIATOMIC_NAMES = {
    ("H", "F"): "F",
    ("Li", "H"): "[LiH]",
    ("C", "O"): "[C-]#[O+]",
    ("N", "N"): "N#N",
    ("O", "O"): "O=O",
    ("F", "F"): "FF",
}

_EMBEDDING_TRIES = 5
_FORCE_FIELD_STEPS = 200
_DRAWS_PER_GRAPH = 20
_BOND_ORDERS, _BOND_ORDER_ODDS = (1, 2, 3), (0.75, 0.18, 0.07)
_RING_CLOSURE_ODDS = 0.3


class Molecule(NamedTuple):
    """A molecular graph with its hydrogens."""

    smiles: str
    atomic_numbers: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]  # first index smaller, sorted
    bond_orders: tuple[float, ...]
    charge: int
    spin_multiplicity: int


def enumerate_graphs(max_heavy_atoms: int) -> list[str]:
    """SMILES of every closed-shell graph of C, N, O, F of correct valence, by size, then alphabet: 4, 19, 87, 576, ...

    Excluded are triple bonds and cumulated double bonds within a ring, which strain does not allow in small rings.
    """
    sizes = [sorted(VALENCE)]
    for _ in range(1, max_heavy_atoms):
        sizes.append(sorted({smiles for parent in sizes[-1] for smiles in _grown(parent)}))
    return [smiles for size in sizes for smiles in size]


def radicals(max_heavy_atoms: int) -> list[str]:
    """SMILES of the graphs of `enumerate_graphs` with one hydrogen less, and with two less on one atom; by size."""
    found: dict[str, None] = {}
    for smiles in enumerate_graphs(max_heavy_atoms):
        for number in (1, 2):
            found |= dict.fromkeys(_without_hydrogens(smiles, number))
    return sorted(found, key=lambda smiles: (heavy_atoms(smiles), smiles))


def compositions(heavy_atoms: int, number: int) -> list[tuple[str, int]]:
    """Compositions of this many atoms, each with its share of `number` random graphs, where that is at least one.

    A composition is its atoms' symbols in a row, "CCCNO". Graphs of different compositions differ, so that each may be
    sampled by itself.
    """
    found = []
    for atoms in itertools.combinations_with_replacement(ELEMENT_ODDS, heavy_atoms):
        ways = math.factorial(heavy_atoms) // math.prod(math.factorial(atoms.count(element)) for element in set(atoms))
        share = ways * math.prod(ELEMENT_ODDS[element] for element in atoms)
        if round(share * number):
            found.append(("".join(atoms), round(share * number)))
    return found


def sample_graphs(composition: str, number: int, rng: np.random.Generator) -> list[str]:
    """SMILES of different random graphs of a composition, in the order drawn, grown atom by atom.

    Fewer than `number` if twenty draws for each of them do not find that many.
    """
    found: dict[str, None] = {}
    for _ in range(_DRAWS_PER_GRAPH * number):
        smiles = _drawn([str(element) for element in rng.permutation(list(composition))], rng)
        if smiles is not None:
            found[smiles] = None
        if len(found) == number:
            break
    return list(found)


def heavy_atoms(smiles: str) -> int:
    """Number of atoms other than hydrogen."""
    return sum(atom.GetAtomicNum() > 1 for atom in _parsed(smiles).GetAtoms())


def molecule(smiles: str) -> Molecule:
    """The graph of a SMILES with explicit hydrogens.

    Raises:
        ValueError: a SMILES that RDKit cannot read.
    """
    from rdkit import Chem

    mol = Chem.AddHs(_parsed(smiles))
    orders = {
        _ordered(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()): bond.GetBondTypeAsDouble() for bond in mol.GetBonds()
    }
    bonds = sorted(orders)
    return Molecule(
        smiles=smiles,
        atomic_numbers=tuple(atom.GetAtomicNum() for atom in mol.GetAtoms()),
        bonds=tuple(bonds),
        bond_orders=tuple(orders[bond] for bond in bonds),
        charge=Chem.GetFormalCharge(mol),
        spin_multiplicity=_spin_multiplicity(smiles, mol),
    )


def distinct_bonds(smiles: str) -> tuple[tuple[int, int], ...]:
    """One bond of each symmetry class of the graph, as in `bonds` of `molecule`, sorted."""
    from rdkit import Chem

    mol = Chem.AddHs(_parsed(smiles))
    ranks = Chem.CanonicalRankAtoms(mol, breakTies=False)
    kinds: dict[tuple[int, int], tuple[int, int]] = {}
    for bond in molecule(smiles).bonds:
        kinds.setdefault(_ordered(ranks[bond[0]], ranks[bond[1]]), bond)
    return tuple(kinds.values())


def embed(smiles: str, number: int, seed: int) -> list[np.ndarray]:
    """Up to `number` starting geometries of a molecule, each (n_atoms, 3) in angstrom, atoms as in `molecule`.

    An empty list means that distance geometry found none.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    mol = Chem.AddHs(_parsed(smiles))
    if mol.GetNumAtoms() == 2:
        return [np.array([[0.0, 0.0, 0.0], [0.0, 0.0, _summed_radii(mol)]])]
    for attempt in range(_EMBEDDING_TRIES):
        ids = rdDistGeom.EmbedMultipleConfs(
            mol, number, randomSeed=(seed + attempt) % 2**31, useRandomCoords=attempt > 1, numThreads=1
        )
        if len(ids):
            return [np.array(mol.GetConformer(index).GetPositions()) for index in ids]
    return []


def relax_by_force_field(smiles: str, positions: np.ndarray) -> np.ndarray:
    """Positions (n_atoms, 3), angstrom, relaxed by MMFF94 or, where that has no parameters, by UFF.

    A better method that starts there needs two thirds of the steps.
    """
    from rdkit import Chem, rdBase
    from rdkit.Chem import rdForceFieldHelpers

    mol = Chem.AddHs(_parsed(smiles))
    conformer = Chem.Conformer(mol.GetNumAtoms())
    for index, place in enumerate(positions.tolist()):
        conformer.SetAtomPosition(index, place)
    mol.AddConformer(conformer)
    with rdBase.BlockLogs():
        if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.MMFFOptimizeMolecule(mol, maxIters=_FORCE_FIELD_STEPS)
        elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
            rdForceFieldHelpers.UFFOptimizeMolecule(mol, maxIters=_FORCE_FIELD_STEPS)
    return np.array(mol.GetConformer().GetPositions())


def diatomic_name(symbols: tuple[str, str], charge: int) -> str:
    """SMILES of a diatomic; that of the listed molecule, if there is one, so that both are on one side of a split."""
    first, second = symbols
    return _DIATOMIC_NAMES.get(symbols, f"[{first}][{second}]") if charge == 0 else f"[{first}][{second}+]"


def masses(atomic_numbers: tuple[int, ...]) -> np.ndarray:
    """Mass of the most common isotope of each atom, dalton, from RDKit's periodic table."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    return np.array([table.GetMostCommonIsotopeMass(int(number)) for number in atomic_numbers])


def _parsed(smiles: str) -> "Mol":
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise ValueError(f"molecule must be a SMILES that RDKit reads; got {smiles!r}.")
    return mol


def _spin_multiplicity(smiles: str, mol: "Mol") -> int:
    from rdkit import Chem

    if smiles in TRIPLETS:
        return 3
    free = [atom.GetNumRadicalElectrons() for atom in mol.GetAtoms() if atom.GetSymbol() in _CARBENES]
    odd = (sum(atom.GetAtomicNum() for atom in mol.GetAtoms()) - Chem.GetFormalCharge(mol)) % 2
    return 2 if odd else 3 if 2 in free else 1


def _without_hydrogens(smiles: str, number: int) -> Iterator[str]:
    """Every graph with this many hydrogens fewer on one atom; some repeatedly."""
    from rdkit import Chem

    parent = _kekulized(smiles)
    for atom in parent.GetAtoms():
        hydrogens = atom.GetTotalNumHs()
        saturated = all(bond.GetBondType() == Chem.BondType.SINGLE for bond in atom.GetBonds())
        # Two less beside a multiple bond, as in CO, would leave a closed shell; an atom alone is no molecule.
        if hydrogens >= number and (number == 1 or saturated) and (atom.GetDegree() or hydrogens > number):
            editable = Chem.RWMol(parent)
            chosen = editable.GetAtomWithIdx(atom.GetIdx())
            chosen.SetNoImplicit(True)
            chosen.SetNumExplicitHs(hydrogens - number)
            chosen.SetNumRadicalElectrons(number)
            child = editable.GetMol()
            if not Chem.SanitizeMol(child, catchErrors=True):
                yield Chem.MolToSmiles(child)


def _ordered(first: int, second: int) -> tuple[int, int]:
    return min(first, second), max(first, second)


def _summed_radii(mol: "Mol") -> float:
    return float(bonding.covalent_radii([atom.GetAtomicNum() for atom in mol.GetAtoms()]).sum())


def _grown(smiles: str) -> Iterator[str]:
    """Every graph with one more atom; some repeatedly."""
    parent = _kekulized(smiles)
    free = [atom.GetTotalNumHs() for atom in parent.GetAtoms()]
    for element, valence in VALENCE.items():
        for orders in itertools.product(*(range(min(3, f, valence) + 1) for f in free)):
            if 0 < sum(orders) <= valence:
                child = _with_atom(parent, element, {i: order for i, order in enumerate(orders) if order})
                if child is not None:
                    yield child


def _drawn(elements: Sequence[str], rng: np.random.Generator) -> str | None:
    """A random graph of these atoms, bonded in this order, or None if a draw breaks a valence."""
    smiles: str | None = elements[0]
    for element in elements[1:]:
        if smiles is not None:
            smiles = _grown_randomly(smiles, element, rng)
    return smiles


def _grown_randomly(smiles: str, element: str, rng: np.random.Generator) -> str | None:
    """A random graph with one atom more, or None if this draw breaks a valence."""
    parent = _kekulized(smiles)
    free = np.array([atom.GetTotalNumHs() for atom in parent.GetAtoms()])
    if not free.any():
        return None
    number = 2 if rng.random() < _RING_CLOSURE_ODDS and np.count_nonzero(free) > 1 else 1
    chosen = rng.choice(np.flatnonzero(free), size=number, replace=False)
    orders = {int(i): int(rng.choice(_BOND_ORDERS, p=_BOND_ORDER_ODDS)) for i in chosen}
    if sum(orders.values()) > VALENCE[element] or any(order > free[i] for i, order in orders.items()):
        return None
    return _with_atom(parent, element, orders)


def _kekulized(smiles: str) -> "Mol":
    from rdkit import Chem

    mol = _parsed(smiles)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return mol


def _with_atom(parent: "Mol", element: str, orders: dict[int, int]) -> str | None:
    """Canonical SMILES of `parent` with an atom bonded to it, or None if the graph is excluded."""
    from rdkit import Chem

    kinds = {1: Chem.BondType.SINGLE, 2: Chem.BondType.DOUBLE, 3: Chem.BondType.TRIPLE}
    editable = Chem.RWMol(parent)
    new = editable.AddAtom(Chem.Atom(element))
    for index, order in orders.items():
        editable.GetAtomWithIdx(index).SetNumExplicitHs(0)
        editable.GetAtomWithIdx(index).SetNoImplicit(False)
        editable.AddBond(index, new, kinds[order])
    child = editable.GetMol()
    Chem.FastFindRings(child)
    if _strained(child):
        return None
    if Chem.SanitizeMol(child, catchErrors=True):
        return None
    return Chem.MolToSmiles(child)


def _strained(mol: "Mol") -> bool:
    from rdkit import Chem

    triple_in_ring = any(b.IsInRing() and b.GetBondType() == Chem.BondType.TRIPLE for b in mol.GetBonds())
    cumulated_in_ring = any(
        a.IsInRing() and sum(b.GetBondType() == Chem.BondType.DOUBLE for b in a.GetBonds()) > 1 for a in mol.GetAtoms()
    )
    return triple_in_ring or cumulated_in_ring
