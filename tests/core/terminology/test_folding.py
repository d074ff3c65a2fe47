import pytest

from cpms_core.terminology.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Œdème, LEFT", "edeme left"),
        ("Müllerian duct anomalies-limb", "mullerian duct anomalies limb"),
        ("Gómez-López-Hernández", "gomez lopez hernandez"),
        ("Łódź Straße Ørsted", "lodz strasse orsted"),
        ("Paediatric haemangioma", "pediatric hemangioma"),
        ("tumour, behavioural, coloured, hour", "tumor behavioral colored hor"),
        ("1.4-Mb 17q11.2_del%", "1 4 mb 17q11 2 del"),
        ("Μικροκεφαλία", "μικροκεφαλια"),
        ("\0\u202e", ""),
    ],
)
def test_a_wording_is_folded_to_plain_words(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_folding_twice_changes_nothing() -> None:
    assert fold(fold("Oesophageal Behçet's-like")) == fold("Oesophageal Behçet's-like")
