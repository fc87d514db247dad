"""Which labels can a model learn physics from? Makes the datasets of the other experiments.

Command: python launch.py --config=experiments/labels.py[:smoke|default|full|gfn2|compressed|ccsdt|dications|anions]
    [--config.labels.minutes=60]
What: PBE0/def2-SVP labels of every closed-shell graph of C, N, O, F with up to four heavy atoms, small hydrides and
diatomics: minima, thermal, stretched, compressed and scaled geometries, whole curves, ions. `full` adds scans of the
largest molecules. `gfn2` makes a large set at GFN2-xTB level instead, random molecules of up to seven heavy atoms.
`compressed` makes bonds of 0.26 to 0.5 of their length and hydrogens pushed together, from the shipped set's minima.
`ccsdt` makes CCSD(T)/cc-pVDZ labels of equilibrium molecules alone, of up to three heavy atoms: the shipped minima of
closed shells, and radicals and carbenes made of them by taking hydrogens away. No system whose curve judges is among
them. With each label come the energies of cheaper methods and the features of `h2scale.electronic_structure`.
`dications` labels the shipped minima of up to three heavy atoms with charges 0 and +2, `anions` with 0 and -1 in a
basis with diffuse functions, without which an extra electron is not bound where it should be.
Stopped at any moment, the same command continues; `labels.minutes` ends it after so long and assembles what there is.
Needs: pip install 'h2scale[labels]'.
"""

from ml_collections import ConfigDict

from h2scale import config as config_lib


def get_config(size: str = "default") -> ConfigDict:
    """Settings of one size: smoke, default, full, compressed, dications, anions; gfn2 and ccsdt, other teachers."""
    config = config_lib.default()
    config.experiment = "labels"
    config.size = size
    config.stage = "labels"
    labels = config.labels
    if size == "smoke":
        labels.smiles = ("[H][H]", "O", "N#N")
        labels.conformers, labels.thermal, labels.scans, labels.scaled = (1,), (2,), (1,), (1,)
        labels.ions, labels.frequencies_up_to, labels.curve_points = (), 1, 0
    elif size == "full":
        labels.scans, labels.scaled = (8, 8, 4, 2), (4, 4, 2, 1)
    elif size == "compressed":
        config.experiment, config.size = "labels-compressed", "default"
        labels.minima, labels.max_heavy_atoms, labels.frequencies_up_to = "pbe0_def2svp", 3, 0
        labels.thermal = labels.scans = labels.scaled = labels.ions = ()
        labels.curve_points = 0
        labels.compressed, labels.hydrogen_pairs = (4, 6, 3), (3, 3, 1)
    elif size == "ccsdt":
        config.experiment, config.size = "labels-ccsdt", "default"
        labels.teacher, labels.minima, labels.max_heavy_atoms = "ccsd(t)", "pbe0_def2svp", 3
        labels.conformers = labels.thermal = labels.scans = labels.scaled = labels.ions = labels.sampled = ()
        labels.frequencies_up_to = labels.curve_points = 0
    elif size in ("dications", "anions"):
        config.experiment, config.size = f"labels-{size}", "default"
        labels.minima, labels.max_heavy_atoms, labels.frequencies_up_to = "pbe0_def2svp", 3, 0
        labels.thermal = labels.scans = labels.scaled = labels.ions = ()
        labels.curve_points = 0
        labels.vertical_charges = (0, 2)
        if size == "anions":
            labels.vertical_charges, labels.basis = (0, -1), "6-31++g**"  # diffuse on hydrogen too, unlike def2-SVPD
    elif size == "gfn2":
        config.experiment, config.size = "labels-gfn2", "default"
        labels.teacher = "gfn2"
    return config
