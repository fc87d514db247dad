"""Input that no remedy can answer gets one line that names it; nothing is answered by a fallback."""

import numpy as np
import pytest
from remedy_cases import remedy, stored

import h2scale
from h2scale.errors import InputError
from h2scale.remedies import parameters
from h2scale.remedies.remedy import load_remedy

PAIR = np.array([[0.0, 0, 0], [0, 0, 1.0]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 17], PAIR), "is for H, C, N, O, F; got atomic number 17"),
        (([6] * 4, np.arange(12.0).reshape(4, 3)), "up to 3 heavy atoms"),
        (([1, 1], PAIR * 0.05), "nuclei 0 and 1 are 0.05 angstrom apart"),
        (([1, 1], PAIR[:1]), r"shape \(2, 3\)"),
        (([1, 1], PAIR * np.nan), "finite"),
        (([1, 1], PAIR, 0, 2), "spin_multiplicity must be one of"),
        (([1, 1], PAIR, 3, 1), "charge must be at most 2"),
    ],
)
def test_message_names_what_is_wrong(arguments, words):
    with pytest.raises(InputError, match=words) as raised:
        remedy("pairs").energy(*arguments)
    assert "\n" not in str(raised.value)


def test_field_that_does_not_converge_is_no_answer(monkeypatch):
    def diverges(*arguments, **keywords):
        raise ValueError("hf of HH (charge 0, 6-31g) at 1.9 bohr did not converge.")

    monkeypatch.setattr("h2scale.electronic_structure.search.lowest_field", diverges)
    with pytest.raises(InputError, match=r"pairs: hf of HH .* did not converge"):
        remedy("pairs").energy([1, 1], PAIR)


def test_structures_outside_what_was_tested_are_named():
    model = remedy("pairs")
    assert model.warnings([1, 1]) == []
    assert "not O" in model.warnings([8, 1, 1])[0]
    assert "up to 2 heavy atoms" in model.warnings([6, 6, 6])[0]
    assert "charge 1" in model.warnings([6, 1, 1, 1], charge=1)[0]
    assert model.warnings([1, 1], charge=1) == []


def test_unknown_name_lists_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match="no remedy 'nothing'; shipped are "):
        load_remedy("nothing")
    (tmp_path / "broken.npz").write_bytes(b"not a zip file")
    with pytest.raises(InputError, match=r"broken.npz holds no remedy"):
        load_remedy(str(tmp_path / "broken.npz"))


def test_stored_remedy_is_read_back(tmp_path):
    parameters.save(tmp_path / "one.npz", stored("pairs"))
    again = load_remedy(str(tmp_path / "one.npz"))
    assert again.description == stored("pairs").description
    water = [8, 1, 1], [[0, 0, 0], [0, 0.76, 0.59], [0, -0.76, 0.59]]
    assert again.energy(*water) == pytest.approx(remedy("pairs").energy(*water), abs=1e-6)


def test_shipped_remedies_are_listed_best_first():
    names = h2scale.list_remedies()
    assert names
    errors = [h2scale.load_remedy(name).description.curves_mae_ev for name in names]
    assert errors == sorted(errors)
    assert h2scale.load_remedy(names[0]).basis == "cc-pvdz"
