"""The labelling experiment from settings to files: refused before it starts, or whole at the end."""

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("tblite")
from h2scale import config as config_lib
from h2scale import runner
from h2scale.data import storage
from h2scale.errors import InputError
from h2scale.stages import labels


def settings(**changes):
    config = config_lib.default()
    config.experiment = config.stage = "labels"
    config.labels.update(
        {"smiles": ("O",), "sampled": (6,), "batch_size": 2, "displacements": 1, "workers": 1} | changes
    )
    return config_lib.resolve(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "magic"}, r"config.labels.teacher must be 'dft', 'gfn2' or 'ccsd\(t\)'; got 'magic'"),
        ({"functional": "nonsense"}, "config.labels: functional must be one that PySCF knows; got 'nonsense'"),
        ({"basis": "nonsense"}, r"config.labels: basis must be one that PySCF knows for \['C'\]; got 'nonsense'"),
        ({"smiles": ("C((",)}, r"config.labels: molecule must be a SMILES that RDKit reads; got 'C\(\('"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(tmp_path, changes, message):
    folder = tmp_path / "run"
    with pytest.raises(InputError, match=message):
        runner.run(settings(**changes), str(folder))
    assert not folder.exists()


def test_a_missing_package_is_named_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(labels.workdir, "installed_version", lambda package: None)
    with pytest.raises(InputError, match=r"labels need rdkit and tblite; install by pip install 'h2scale\[labels\]'"):
        runner.run(settings(), str(tmp_path / "run"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return runner.run(settings(teacher="gfn2"), str(tmp_path_factory.mktemp("labels") / "run"))


def test_a_campaign_leaves_a_dataset_its_card_and_its_failures(folder):
    dataset = storage.load_dataset(folder / "gfn2xtb.h5")
    assert dataset.manifest["tasks_finished"] == dataset.manifest["tasks_planned"] > 3
    assert (folder / labels.CARD).read_text().startswith("# gfn2xtb\n")
    assert (folder / labels.FAILURES).read_text().startswith("cause,molecule,detail\n")
    before = (folder / "gfn2xtb.h5").read_bytes()
    runner.run(settings(teacher="gfn2", workers=2), str(folder))  # nothing is left to do
    assert (folder / "gfn2xtb.h5").read_bytes() == before


def test_another_seed_in_the_same_folder_is_refused_by_name(folder):
    with pytest.raises(InputError, match=r"config\.labels\.seed=0, this one has 1"):
        runner.run(settings(teacher="gfn2", seed=1), str(folder))


def test_names_of_files_hold_no_sign_that_a_shell_would_read():
    levels = {"pbe0/def2-svp": "pbe0_def2svp", "ccsd(t)/cc-pvdz": "ccsdt_ccpvdz", "pbe0/6-31++g**": "pbe0_631ppgss"}
    assert {level: labels.dataset_name(level) for level in levels} == levels
