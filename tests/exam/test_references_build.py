"""The build of the reference curves keeps what converges, names what does not, and cuts what is no reference."""

import json

import numpy as np
import pytest

from h2scale import units
from h2scale.exam.references import build
from h2scale.physics import potential_curve

DISTANCES = np.array([1.0, 2.0, 3.0, 4.0])


def request(label, energies_hartree):
    def compute():
        if energies_hartree is None:
            raise ValueError("no convergence")
        return potential_curve.Curve(
            DISTANCES / units.BOHR_ANGSTROM, np.array(energies_hartree), np.zeros(4), (3, 1), 0.0, {"method": label}
        )

    return build._Request("LiH", label, DISTANCES, compute)


def test_curves_that_converge_are_written_and_the_others_named(tmp_path, monkeypatch, capsys):
    whole, rising = [0.1, -0.2, -0.1, 0.01], [0.1, -0.2, 0.1, -0.1]
    requests = [request("FCI", rising), request("HF", None), request("UCCSD(T)/cc-pVDZ", rising), request("PBE", whole)]
    monkeypatch.setattr(build, "_requests", lambda: requests)
    build.build(tmp_path / "references.json")
    found = {one["label"]: one for one in json.loads((tmp_path / "references.json").read_text())}
    assert list(found) == ["FCI", "UCCSD(T)/cc-pVDZ", "PBE"]
    # Beyond its separated atoms an unrestricted field has not broken every bond.
    assert found["UCCSD(T)/cc-pVDZ"]["distances_angstrom"] == [1.0, 2.0]
    assert found["FCI"]["distances_angstrom"] == DISTANCES.tolist()
    assert found["PBE"]["energies_ev"] == pytest.approx(np.array(whole) * units.HARTREE_EV, abs=1e-6)
    captured = capsys.readouterr()
    assert "LiH, HF: left out: no convergence" in captured.err
    assert captured.out == ""
