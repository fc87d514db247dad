"""Both routes to every reference agree as shipped, and a reference with a wrong label, unit or zero is found."""

import pytest

from h2scale import units
from h2scale.exam.references import agreement, measured, tables


def failed():
    return {(one.system, one.check) for one in agreement.examine() if one.status == "fail"}


def test_shipped_references_agree_with_their_second_routes():
    findings = agreement.examine()
    assert [one for one in findings if one.status != "pass"] == []
    assert len(findings) >= len(measured.bonds()) + len(measured.ions()) + 40
    assert len(measured.bonds()) + len(measured.ions()) == sum(
        one.check == "computed minus measured" for one in findings
    )


def with_row(monkeypatch, table, column, change):
    """The measured tables with one column changed in some rows."""
    real = measured.table

    def changed(name):
        rows = [dict(row) for row in real(name)]
        for row in rows:
            if name == table and change(row) is not None:
                row[column] = str(change(row))
        return rows

    monkeypatch.setattr(measured, "table", changed)
    measured.bonds.cache_clear()
    measured.ions.cache_clear()


@pytest.fixture(autouse=True)
def fresh():
    """Tables read again after each test."""
    yield
    measured.bonds.cache_clear()
    measured.ions.cache_clear()


@pytest.mark.parametrize(
    ("table", "column", "change", "system"),
    [
        # D_0 where D_e belongs.
        ("bonds.csv", "de_ev", lambda row: row["d0_ev"] if row["bond"] == "H–NH2" else None, "H–NH2"),
        ("bonds.csv", "de_ev", lambda row: 98.6 if row["bond"] == "H3C–CH3" else None, "H3C–CH3"),  # kcal/mol
        ("ions.csv", "reference_ev", lambda row: 13.6181 if row["system"] == "N" else None, "ionization N"),  # oxygen's
        (
            "ions.csv",
            "reference_ev",
            lambda row: -3.6127 if (row["change"], row["system"]) == ("attachment", "Cl") else None,
            "attachment Cl",
        ),
    ],
)
def test_measured_number_of_another_kind_is_found(monkeypatch, table, column, change, system):
    with_row(monkeypatch, table, column, change)
    found = failed()
    assert (system, "computed minus measured") in found
    assert {other for other, _ in found} == {system}


@pytest.mark.parametrize(
    ("column", "change", "system", "checks"),
    [
        # Two digits swapped: less than what the computed number is off by.
        ("measured_ev", lambda row: 14.0412 if row["system"] == "CO" else None, "ionization CO", 2),
        # Half of the difference of the frequencies added where it is to be taken away.
        ("reference_ev", lambda row: 15.9740 if row["system"] == "HF" else None, "ionization HF", 1),
    ],
)
def test_slip_of_the_pen_is_found(monkeypatch, column, change, system, checks):
    with_row(monkeypatch, "ions.csv", column, change)
    found = failed()
    assert {other for other, _ in found} == {system}
    assert len(found) == checks


def test_measured_number_without_a_second_route_is_found(monkeypatch):
    with_row(monkeypatch, agreement.SECOND_ROUTE, "name", lambda row: "other" if row["name"] == "H–OH" else None)
    assert failed() == {("H–OH", "second route")}


def with_curve(monkeypatch, system, label, change):
    real = tables.shipped_curves()
    changed = tuple(change(one) if one.system == system and one.label.startswith(label) else one for one in real)
    assert any(one is not other for one, other in zip(changed, real, strict=True))
    monkeypatch.setattr(tables, "shipped_curves", lambda: changed)


def test_swapped_branches_are_found(monkeypatch):
    names = {"restricted": "unrestricted", "unrestricted": "restricted"}

    def swap(curve):
        level, _, branch = curve.label.rpartition(", ")
        return curve._replace(label=f"{level}, {names[branch]}")

    with_curve(monkeypatch, "H2", "PBE0/def2-SVP", swap)
    assert failed() == {("H2", "restricted minus unrestricted at 3.0 Å")}


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda curve: curve._replace(energies=curve.energies / units.HARTREE_EV), "depth minus measured"),
        (
            lambda curve: curve._replace(distances=curve.distances / units.BOHR_ANGSTROM),
            "bond length minus measured",
        ),
    ],
)
def test_curve_in_another_unit_is_found(monkeypatch, change, check):
    with_curve(monkeypatch, "HCl", "UCCSD(T)", change)
    assert ("HCl", check) in failed()


def test_curve_under_the_label_of_another_level_is_found(monkeypatch):
    """The case of an r2SCAN label over PBE numbers: only solving again tells."""
    hartree_fock = tables.shipped("H2", "HF/def2-SVP, unrestricted")[0]
    pbe0 = tables.shipped("H2", "PBE0/def2-SVP, unrestricted")[0]
    monkeypatch.setattr(tables, "shipped_curves", lambda: (hartree_fock,))
    (honest,) = agreement._levels()
    assert honest.status == "pass", honest
    monkeypatch.setattr(
        tables, "shipped_curves", lambda: (hartree_fock._replace(distances=pbe0.distances, energies=pbe0.energies),)
    )
    (mislabelled,) = agreement._levels()
    assert mislabelled.status == "fail"
    assert abs(mislabelled.value) > 0.1


def test_command_says_how_many_agree(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["agreement"])
    assert agreement.main() == 0
    assert "references agree with their second route" in capsys.readouterr().out
    with_row(monkeypatch, "bonds.csv", "de_ev", lambda row: 1.0 if row["bond"] == "H–OH" else None)
    assert agreement.main() == 1
    assert "fail: H–OH" in capsys.readouterr().out
