"""`plugins.toml` is read with clear errors and edited without losing what people wrote in it."""

import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpms_core.errors import InvalidError
from cpms_core.plugins.enabled import (
    disable,
    enable,
    parse_enabled,
    read_enabled,
    rewrite,
    site_file,
)

ALPHABETIC = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), unique=True)


def written(folder: Path, text: str) -> Path:
    path = folder / "plugins.toml"
    path.write_text(text)
    return path


def test_the_list_keeps_its_order(tmp_path: Path) -> None:
    assert read_enabled(written(tmp_path, 'enabled = ["b", "a"]\n')) == ("b", "a")


def test_web_may_be_listed_and_means_nothing(tmp_path: Path) -> None:
    assert read_enabled(written(tmp_path, 'enabled = ["web", "a"]\n')) == ("a",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('enabled = ["a"', "at end of document"),
        ("enabled = " + "[" * 3000, "is not valid TOML"),
        ("enabled = [\n'a'\n'b']\n", "line 3, column 1"),
        ("", "has no list"),
        ("enabled = 3", "must be a list"),
        ("enabled = [1]", "must be a list"),
        ('enabled = ["A"]', "'A' is no plugin's name"),
        ('enabled = ["../x"]', "is no plugin's name"),
        ('enabled = ["a", "a"]', "lists 'a' twice"),
        ("enabled = []\nenable = []", "`enable` means nothing"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_fault(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InvalidError, match=r"plugins\.toml") as caught:
        read_enabled(path)
    assert complaint in str(caught.value)


def test_a_missing_file_and_one_that_is_not_text_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="cannot be read: No such file"):
        read_enabled(tmp_path / "plugins.toml")
    (tmp_path / "plugins.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidError, match="not text in UTF-8"):
        read_enabled(tmp_path / "plugins.toml")


def test_enabling_and_disabling_say_whether_anything_changed(tmp_path: Path) -> None:
    path = written(tmp_path, "enabled = []\n")
    assert enable(path, "a")
    assert not enable(path, "a")
    assert enable(path, "b")
    assert read_enabled(path) == ("a", "b")
    assert disable(path, "a")
    assert not disable(path, "a")
    assert read_enabled(path) == ("b",)


def test_web_can_be_neither_enabled_nor_disabled(tmp_path: Path) -> None:
    path = written(tmp_path, "enabled = []\n")
    with pytest.raises(InvalidError, match="web is always on"):
        disable(path, "web")
    with pytest.raises(InvalidError, match="no name of a plugin"):
        enable(path, "web")


COMMENTED = """\
# Ours
enabled = [
  # for the ERN
  "ern_ithaca", # since March
  "dicom_viewer",
  "reporting"
]
# end
"""


def test_comments_survive_an_edit(tmp_path: Path) -> None:
    path = written(tmp_path, COMMENTED)
    disable(path, "dicom_viewer")
    assert path.read_text() == COMMENTED.replace('  "dicom_viewer",\n', "")
    enable(path, "dicom_viewer")
    assert path.read_text() == COMMENTED.replace('  "dicom_viewer",\n', "").replace(
        '  "reporting"\n', '  "reporting",\n  "dicom_viewer",\n'
    )


def test_a_list_on_one_line_stays_on_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, "enabled = ['a', 'b'] # two\n")
    enable(path, "c")
    disable(path, "a")
    assert path.read_text() == "enabled = ['b', \"c\"] # two\n"


@given(before=ALPHABETIC, after=ALPHABETIC, shape=st.integers(0, 3))
def test_whatever_the_shape_the_new_list_is_what_was_asked_for(
    before: list[str], after: list[str], shape: int
) -> None:
    kept = [name for name in before if name in after]
    wanted = (*kept, *(name for name in after if name not in kept))
    items = [f'"{name}"' for name in before]
    inside = [
        ", ".join(items),
        "".join(f"\n  {item}," for item in items) + "\n",
        ", # x\n".join(items) + "# ] end\n",
        "\n# [ ] \"z\", 'y'\n" + " ,".join(items) + "\n",
    ][shape]
    result = rewrite(f"# top\nenabled = [{inside}]\n# tail\n", wanted, Path("plugins.toml"))
    assert tuple(tomllib.loads(result)["enabled"]) == wanted
    assert result.startswith("# top\n") and result.endswith("# tail\n")


def test_a_list_written_in_a_way_we_cannot_edit_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path, '"enabled" = ["a"]\n')
    with pytest.raises(InvalidError, match="write the list as"):
        enable(path, "b")
    assert path.read_text() == '"enabled" = ["a"]\n'


def test_a_broken_file_is_never_edited(tmp_path: Path) -> None:
    path = written(tmp_path, 'enabled = ["a"\n')
    with pytest.raises(InvalidError, match="not valid TOML"):
        enable(path, "b")
    assert path.read_text() == 'enabled = ["a"\n'


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path, 'enabled = ["a"]\n')
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from cpms_core.plugins.enabled import enable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "enable(Path(sys.argv[1]), 'b')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=False
    )
    assert "OSError" in run.stderr
    assert path.read_text() == 'enabled = ["a"]\n'
    assert sorted(file.name for file in tmp_path.iterdir()) == ["plugins.toml", "plugins.toml.lock"]


def test_the_permissions_and_the_link_of_the_file_are_kept(tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    real.write_text("enabled = []\n")
    real.chmod(0o640)
    link = tmp_path / "plugins.toml"
    link.symlink_to(real)
    enable(link, "a")
    assert link.is_symlink()
    assert read_enabled(real) == ("a",)
    assert real.stat().st_mode & 0o777 == 0o640


def test_editors_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "enabled = []\n")
    program = (
        "import sys; from pathlib import Path; from cpms_core.plugins.enabled import enable\n"
        "for n in range(10): enable(Path(sys.argv[1]), f'{sys.argv[2]}{n}')\n"
    )
    editors = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "abc"]
    assert [editor.wait(60) for editor in editors] == [0, 0, 0]
    assert sorted(read_enabled(path)) == sorted(f"{name}{n}" for name in "abc" for n in range(10))


def test_a_site_gets_a_copy_of_the_shipped_list_and_then_its_own_wins(tmp_path: Path) -> None:
    shipped = written(tmp_path, '# shipped\nenabled = ["a"]\n')
    path = site_file(tmp_path / "data", shipped)
    assert path == tmp_path / "data" / "plugins.toml"
    assert path.read_text() == '# shipped\nenabled = ["a"]\n'
    disable(path, "a")
    assert read_enabled(site_file(tmp_path / "data", shipped)) == ()
    assert read_enabled(shipped) == ("a",)


def test_a_new_file_of_a_site_starts_from_what_the_project_ships(tmp_path: Path) -> None:
    path = tmp_path / "plugins.toml"
    enable(path, "alpha")
    assert read_enabled(path) == ("ern_ithaca", "dicom_viewer", "reporting", "alpha")


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_fail_otherwise_than_with_a_sentence(text: str) -> None:
    with suppress(InvalidError):
        assert isinstance(parse_enabled(text, Path("plugins.toml")), tuple)
