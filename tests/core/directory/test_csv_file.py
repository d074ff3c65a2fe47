"""CSV as spreadsheets write it, and as somebody who means harm does."""

import pytest

from cpms_core.directory.csv_file import MOST_BYTES, MOST_LINES, read_csv
from cpms_core.errors import InvalidError

NEEDED, OPTIONAL = ("name", "email"), ("city",)


def read(text: str | bytes) -> list[tuple[int, dict[str, str], str]]:
    data = text.encode() if isinstance(text, str) else text
    return [(one.number, dict(one.cells), one.problem) for one in read_csv(data, NEEDED, OPTIONAL)]


def cells(name: str, email: str, city: str = "") -> dict[str, str]:
    return {"name": name, "email": email, "city": city}


@pytest.mark.parametrize(
    "text",
    [
        "name,email,city\nEva,e@x,Brno\n",
        "\ufeffname,email,city\r\nEva,e@x,Brno\r\n",
        "Name;E-Mail;City\nEva;e@x;Brno",
        "email,city,name\n e@x , Brno ,  Eva\n",
        '"name","email","city"\n"Eva","e@x","Brno"\n',
    ],
)
def test_the_ways_in_which_spreadsheets_write_it_are_one(text: str) -> None:
    assert read(text) == [(2, cells("Eva", "e@x", "Brno"), "")]


def test_quoted_cells_hold_the_delimiter_and_quotes() -> None:
    found = read('name,email\n"Nová, Eva ""E""",e@x\n')
    assert found == [(2, cells('Nová, Eva "E"', "e@x"), "")]


def test_lines_are_numbered_as_an_editor_shows_them() -> None:
    found = read('name,email\n\nA,a@x\n"two\nlines",b@x\n,,\nC,c@x\n')
    assert [one[0] for one in found] == [3, 4, 7]
    assert "line break" in found[1][2]
    assert found[2][2] == ""


@pytest.mark.parametrize("start", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "  =HYPERLINK()"])
def test_what_a_spreadsheet_would_compute_is_refused(start: str) -> None:
    problem = read(f'name,email\n"{start}",e@x\n')[0][2]
    assert "“name”" in problem


@pytest.mark.parametrize("letter", ["\x07", "\x1b", "\u202e", "\u200b", "\u2028", "\x85"])
def test_invisible_characters_are_refused(letter: str) -> None:
    assert "invisible" in read(f'name,email\n"E{letter}va",e@x\n')[0][2]


def test_a_line_with_too_few_or_too_many_cells_is_refused() -> None:
    found = read("name,email\nEva\nEva,e@x,Brno\nEva,e@x\n")
    assert [bool(problem) for _, _, problem in found] == [True, True, False]
    assert found[0][2] == "The line has 1 cell where the header has 2."


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "Missing: name, email"),
        (b"name,email\n\xff,e@x\n", "no UTF-8 text"),
        ("name,email\nEva,e@x\n".encode("utf-16"), "UTF-8"),
        (b"name,email\nE\x00va,e@x\n", "characters that no text has"),
        (b"name,email,email\nEva,e@x,f@x\n", "none twice"),
        (b'name,email\n"Eva" x,e@x\n', "From line 2 on"),
        (b"name,email\n" + b"a" * 200_000 + b",e@x\n", "From line 2 on"),
        (b"name,email\n" + b"a,b\n" * (MOST_LINES + 1), "more than 5000 lines"),
        (b"a" * (MOST_BYTES + 1), "larger than 2 MB"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidError, match=problem):
        read(data)
