"""Each fault of a made-up calculator is caught by the check that is for it, and an honest one passes them all."""

import numpy as np
import pytest
from exam_local import Local, made_up

from h2scale.exam import conditioning_checks

CHARGE, SPIN = "charge reaches the model", "spin reaches the model"
CACHE = "no cached prediction for a changed charge"
ORDER = "same predictions in reversed order"
SIGN = "ionization energy: sign of the charge"
UNIT = "energy unit, by the depth of H2"
ATOM = "an isolated atom has half the energy of a separated pair"
FORCES = "forces are minus the gradient"


def examine(name, **keywords):
    entry = made_up(name, **keywords)
    conditioning, part = conditioning_checks.examine(Local(entry), entry)
    return conditioning, {(one.system, one.check): one for one in part.findings}


def failed(findings):
    return {check for (_, check), one in findings.items() if one.status == "fail"}


def test_honest_calculator_passes_every_check():
    conditioning, findings = examine("Honest")
    assert {one.status for one in findings.values()} == {"pass"}
    assert conditioning == ("", "")


@pytest.mark.parametrize(
    ("name", "check", "words"),
    [
        ("IgnoresCharge", CHARGE, "does not reach the model as info:charge"),
        ("IgnoresSpin", SPIN, "does not reach the model as info:spin"),
        ("Stale", CACHE, "a cached prediction is returned"),
        ("ReversedCharge", SIGN, "the sign of the charge may be lost"),
        ("CountsCalls", ORDER, ""),
        ("TableOfAtoms", ATOM, "a table or another path"),
        ("InKcal", UNIT, "looks like kcal/mol, not eV"),
        ("InHartree", UNIT, "looks like hartree, not eV"),
        ("WrongForces", FORCES, "differ"),
    ],
)
def test_fault_is_caught_by_its_own_check(name, check, words):
    _, findings = examine(name)
    caught = [one for (_, found), one in findings.items() if found == check and one.status == "fail"]
    assert caught, failed(findings)
    assert words in caught[0].reason


@pytest.mark.parametrize("name", ["Stale", "CountsCalls", "TableOfAtoms", "WrongForces"])
def test_faults_without_bearing_on_charge_leave_the_model_conditioned(name):
    assert examine(name)[0] == ("", "")


def test_what_depends_on_an_ignored_charge_is_not_conditioned():
    conditioning, findings = examine("IgnoresCharge")
    assert conditioning.charge
    assert findings["Li", SIGN].status == findings["H2", CACHE].status == "not conditioned"


def test_model_that_takes_no_charge_needs_no_proof_of_it():
    conditioning, findings = examine("IgnoresCharge", charge="none")
    assert findings["H2", CHARGE].status == "not conditioned"
    assert conditioning.charge == "the model takes no charge"


@pytest.mark.parametrize(
    ("name", "keywords"),
    [
        ("NeedsCharge", {"charge": "argument:total_charge", "spin": "argument:multiplicity"}),
        ("FromMoments", {"charge": "initial_charges", "spin": "initial_magmoms"}),
        ("ByMethod", {"charge": "method:set_charge"}),
    ],
)
def test_every_way_of_passing_charge_and_spin_arrives(name, keywords):
    conditioning, findings = examine(name, **keywords)
    assert conditioning == ("", "")
    assert not failed(findings)


def test_calculator_without_forces_refuses_that_check_alone():
    findings = examine("NoForces")[1]
    assert findings["H2", FORCES].status == "refused"
    assert "no forces" in findings["H2", FORCES].reason
    assert not failed(findings)


def test_nan_is_an_error_and_not_a_difference():
    findings = examine("NotANumber")[1]
    assert findings["H2", SIGN].status == "error"
    assert "nan" in findings["H2", SIGN].reason
    assert np.isfinite(findings["H2", CHARGE].value)  # judged by the charges that have an energy
