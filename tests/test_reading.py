"""Files as people have them: encodings, delimiters, compression, formats, and what is refused."""

import bz2
import codecs
import csv
import gzip
import io
import json
import logging
import lzma
import os
import random
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpkit.cli.options import read_texts
from nlpkit.data.catalog import open_documents, open_labelled, open_pairs
from nlpkit.data.columns import Columns
from nlpkit.data.dataset import Example, Pair
from nlpkit.data.encoding import piped_line, read_lines, read_text
from nlpkit.data.files import open_local, read_rows
from nlpkit.data.parallel import open_parallel
from nlpkit.data.tables import Reading, open_table
from nlpkit.errors import DataError, NlpkitError, UsageError
from nlpkit.recipe import recipe_from_toml, recipe_to_toml
from nlpkit.tasks.classification.classifier import TextClassifier
from tests.conftest import Command, made_reviews, write_csv

ROWS = [Example("café, très bon", "1"), Example("mauvais", "0")]


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, columns: Columns = Columns(), reading: Reading = Reading()) -> list[Example]:
    return list(open_local(path, columns, reading=reading).read("train"))


def refusal(path: Path, columns: Columns = Columns(), reading: Reading = Reading()) -> str:
    """What reading it says: one line that names the path."""
    with pytest.raises(NlpkitError) as caught:
        read(path, columns, reading)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- encodings


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("said", [None, "cp1252"])
def test_a_byte_order_mark_is_believed(tmp_path: Path, mark: bytes, codec: str, said: str | None) -> None:
    table = write(tmp_path / "a.csv", mark + 'text,label\r\n"café, très bon",1\r\nmauvais,0\r\n'.encode(codec))
    assert read(table, reading=Reading(said)) == ROWS
    lines = write(tmp_path / "a.txt", mark + "café\r\n\nẞ Ćź".encode(codec))
    assert [text for _, text in read_rows(lines, reading=Reading(said))] == ["café", "", "ẞ Ćź"]
    assert read_text(lines, said) == "café\n\nẞ Ćź"


@pytest.mark.parametrize(
    "codec", ["cp1252", "latin-1", "utf-16-le", "UTF-16-BE", "utf-16", "cp500", "shift_jis", "gb18030"]
)
def test_an_encoding_that_is_named(tmp_path: Path, codec: str) -> None:
    texts = ["日本語, ok", "二"] if codec in ("shift_jis", "gb18030") else ["café, ok", "deux"]
    path = write(
        tmp_path / "a.csv", f'text,label\n"{texts[0]}",1\n{texts[1]},0\n'.encode(codec).removeprefix(b"\xff\xfe")
    )
    assert read(path, reading=Reading(codec)) == [Example(texts[0], "1"), Example(texts[1], "0")]
    assert not [row for row in [*_rows_or_error(path)] if texts[0] in row]  # never trusted unsaid


def _rows_or_error(path: Path) -> list[str]:
    try:
        return [text for text, _ in read(path)]
    except DataError:
        return []


def test_what_is_not_utf8_is_refused_with_what_it_may_be(tmp_path: Path) -> None:
    french = "Le café est fermé, à bientôt. Où est la bibliothèque? Très loin d'ici, mon garçon."
    path = write(tmp_path / "a.csv", f'text,label\nfine,1\n"{french}",0\n'.encode("cp1252"))
    said = refusal(path)
    assert "line 3: byte 8 of the line is not UTF-8" in said
    assert "in cp1252 it reads" in said
    assert french[:30] in said
    assert said.count("--encoding cp1252") == 1
    assert "save it as UTF-8" in said


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("Er sagte: „Das ist schön“ – für 5 € und größer.", "cp1252"),
        ("Die Tür “klemmt” – 20 €", "cp1252"),
        ("Een “mooie” film – één van de beste, voor € 5", "cp1252"),
        ("Le café est “fermé” – à bientôt, 5 €", "cp1252"),
        ("C’est déjà l’été", "cp1252"),
        ("It’s “fine” – really", "cp1252"),
        ("naïve", "cp1252"),
        ("Le café est fermé, à bientôt. Très loin, mon garçon.", "mac_roman"),
        ("C'est déjà l'été", "cp850"),
        ("Zażółć gęślą jaźń, złoty i pięćset książek o życiu w mieście", "cp1250"),
        ("Привет, как дела? Сегодня хорошая погода", "cp1251"),
        ("今日はいい天気ですね、散歩に行きましょう", "cp932"),
    ],
)
@pytest.mark.parametrize("count", [1, 30])
def test_the_likely_encoding_is_told_with_what_is_disputed(tmp_path: Path, text: str, codec: str, count: int) -> None:
    plain = "nothing but plain words, as most lines have them, before " * 2
    path = write(tmp_path / "a.txt", "".join(f"{plain}{text}\n" for _ in range(count)).encode(codec))
    with pytest.raises(DataError, match=f"in {codec} it reads .* say --encoding {codec}") as caught:
        list(read_lines(path))
    first = next(place for place, one in enumerate(text) if not one.isascii())
    assert text[max(0, first - 8) : first + 8].strip() in str(caught.value)


def test_encodings_that_there_are_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "text")
    for name, said in (("cp12520", "did you mean cp1252"), ("rot13", "no encoding 'rot13'"), ("utf8\0", "no encoding")):
        with pytest.raises(UsageError, match=said) as caught:
            list(read_lines(path, name))
        assert "mean rot" not in str(caught.value)


def test_lines_that_end_in_carriage_returns(tmp_path: Path) -> None:
    for codec in ("utf-8", "utf-16-le"):
        path = write(tmp_path / "a.csv", 'text,label\r"café, très bon",1\rmauvais,0\r'.encode(codec))
        assert read(path, reading=Reading(codec)) == ROWS
    assert [text for _, text in read_rows(write(tmp_path / "a.txt", "one\rtwo\r"))] == ["one", "two"]


def test_carriage_returns_in_a_long_first_line_end_none(tmp_path: Path) -> None:
    long = "a\rb\r" + "word " * 30_000  # more than any buffer holds
    assert [text for _, text in read_rows(write(tmp_path / "a.txt", f"{long}\nb\rc\n"))] == [long, "b\rc"]
    assert [text for _, text in read_rows(write(tmp_path / "b.txt", f"{long}\rc\r"))] == ["a", "b", long[4:], "c"]
    wide = write(tmp_path / "c.txt", "\ufeffĊ one\rtwo\r".encode("utf-16-le"))  # Ċ has the byte of a line feed
    assert [text for _, text in read_rows(wide)] == ["Ċ one", "two"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfcaf\xc3\xa9\r\n\ntwo",
        b"ok\nno\0\n",
        b"ok\ncaf\xe9\n",
        "a\nb\n".encode("utf-16-le"),
        b"%PDF-1",
    ],
)
def test_piped_lines_are_decoded_as_a_file_s_are(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "a", content)
    outcomes = []
    for lines in (
        (line for _, line in read_lines(path)),
        (piped_line(raw, number) for number, raw in enumerate(io.BytesIO(content), 1)),
    ):
        try:
            outcomes.append(str(list(lines)))
        except DataError as error:
            outcomes.append(str(error).replace(str(path), "standard input").partition(";")[0])
    assert outcomes[0] == outcomes[1]


def test_pipes_that_begin_as_utf16_do() -> None:
    for mark, codec in ((codecs.BOM_UTF16_BE, "utf-16"), (codecs.BOM_UTF32_LE, "utf-32")):
        with pytest.raises(DataError, match=f"standard input is in {codec}, .*say --encoding {codec}$"):
            piped_line(mark + b"\n", 1)


def test_a_pipe_in_utf16_is_not_answered_line_by_line(nlpkit: Command, trained: Path) -> None:
    wide = "\ufeffa lovely film\na dull film\n".encode("utf-16-le")
    for stdin, said in ((wide, "say --encoding utf-16"), (wide[2:], "line 1: it holds zero bytes")):
        done = nlpkit("predict", "--model", trained, stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert said in done.stderr
    done = nlpkit("predict", "--model", trained, "--encoding", "utf-16", stdin=wide)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["positive", "negative"]


def test_zero_bytes_are_no_text(tmp_path: Path) -> None:
    wide = write(tmp_path / "a.csv", "text,label\nok,1\n".encode("utf-16-le"))
    assert "say --encoding utf-16-le" in refusal(wide)
    assert "say --encoding utf-16-be" in refusal(write(tmp_path / "b.csv", "text,label\nok,1\n".encode("utf-16-be")))
    assert "line 3: it holds zero bytes" in refusal(write(tmp_path / "c.csv", "text,label\nok,1\nno\0,1\n"))
    with pytest.raises(DataError, match=r"d\.txt line 2: it holds zero bytes"):
        list(read_rows(write(tmp_path / "d.txt", b"one\ntw\0o\n")))


def test_an_encoding_through_every_verb(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    text = "the café was lovely"
    (tmp_path / "a.csv").write_bytes(f"text,label\n{text},positive\nthe fête was dull,negative\n".encode("cp1252"))
    (tmp_path / "a.txt").write_bytes(f"{text}\n".encode("cp1252"))
    refused = nlpkit("predict", "--model", trained, "--file", "a.csv", cwd=tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: a.csv line 2: byte 8 of the line is not UTF-8 text; ")
    for file, stdin in (("a.csv", ""), ("a.txt", ""), ("-", (tmp_path / "a.txt").read_bytes())):
        done = nlpkit(
            "predict", "--model", trained, "--file", file, "--encoding", "cp1252", "--json", stdin=stdin, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        first = json.loads(done.stdout.splitlines()[0])
        assert first["text"] == text
        assert first.get("predicted_label", first["label"]) == "positive"
    done = nlpkit("evaluate", "--model", trained, "--data", "a.csv", "--encoding", "cp1252", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["examples"] == 2
    assert "the café was lovely" in nlpkit("data", "show", "a.csv", "--encoding", "cp1252", cwd=tmp_path).stdout
    wrong = nlpkit("data", "show", "a.csv", "--encoding", "cp1x52", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


def test_a_recipe_keeps_how_its_files_are_read(tmp_path: Path) -> None:
    rows = "".join(
        f"{label};der {word} Käse\n" for label, word in (("gut", "milde"), ("schlecht", "alte")) for _ in "12"
    )
    write(tmp_path / "a.csv", rows.encode("cp1252"))
    chosen = {"text_column": "2", "label_column": "1", "encoding": "cp1252", "delimiter": ";", "header": False}
    classifier = TextClassifier("sentiment", source=str(tmp_path / "a.csv"), vocab_size=300, **chosen)
    assert recipe_from_toml(recipe_to_toml(classifier.recipe), "") == classifier.recipe
    prepared = classifier.prepared()
    assert prepared.labels == ("gut", "schlecht")
    assert {prepared.train.text(row) for row in range(len(prepared.train))} == {"der milde Käse", "der alte Käse"}
    with pytest.raises(UsageError, match=r"data\.header"):
        TextClassifier("sentiment", header="no")


# -- quotation marks


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        ('text\tlabel\n"a\t1\nb\t0\nc"\t1\n', ['"a', "b", 'c"']),  # one that swallowed rows
        ('text\tlabel\n"Hello," she said\t1\nb\t0\n', ['"Hello," she said', "b"]),
        ('text\tlabel\n"whole"\t1\n""\t0\n"5"" wide"\t0\n', ["whole", "", '5" wide']),
        ('text\tlabel\n"a\tb"\t1\n"two\nlines ""x"""\t0\n', ["a\tb", 'two\nlines "x"']),
        ('label\ttext\n1\t"two\nlines"\n0\t"three\n\nof ""them"""\n', ["two\nlines", 'three\n\nof "them"']),
        ('label\ttext\n1\t"stray\n0\tnext\n', ['"stray', "next"]),
        ('label\ttext\n0\tnext\n1\t"stray\n', ["next", '"stray']),
        ('label\ttext\n0\tnext\n1\t"stray\n\n\n', ["next", '"stray']),
        ('text\tlabel\n"a "b" c"\t1\n', ['"a "b" c"']),
        ('"text"\t"label"\n6" pipe\t1\n"""quoted"""\t0\r\n', ['6" pipe', '"quoted"']),
    ],
)
def test_quotation_marks_in_tsv(tmp_path: Path, content: str, cells: list[str]) -> None:
    path = write(tmp_path / "a.tsv", content)
    assert [text for _, text in read_rows(path)] == cells
    if "" not in cells:
        assert [example.text for example in read(path)] == cells


def test_cells_of_several_lines_in_one_column_of_tsv(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.tsv", 'text\n"two\r\nlines"\n"stray\nlast\n')
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert [text for _, text in read_rows(path)] == ["two\r\nlines", '"stray', "last"]
    assert caplog.messages == [f'{path}: 1 cells in "quotes" go over several lines, the first from line 2']


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.zst"])
def test_what_the_csv_module_writes_is_read_again(tmp_path: Path, suffix: str) -> None:
    rng = random.Random(0)
    parts = ['"', '""', "\n", "\r\n", " ", ",", ";", "a", "é", "'", "|"]
    rows = [["".join(rng.choices(parts, k=rng.randint(0, 6))) for _ in "abc"] for _ in range(2_000)]
    for row in rows:  # a tab and a line break in one cell may look like rows of their own
        row[rng.randrange(3)] += rng.choice(["\t", ""]) if not any("\n" in cell for cell in row) else ""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows([["text", "label", "id"], *rows])
    content = file.getvalue().encode()
    path = write(tmp_path / f"a{suffix}", zstd(content) if suffix.endswith(".zst") else content)
    assert [list(row.values()) for _, row in open_table(path).rows] == rows


def test_tsv_rows_are_named_where_they_begin(tmp_path: Path) -> None:
    said = refusal(write(tmp_path / "a.tsv", 'text\tlabel\ngood\t1\n"left open\nb\t0\nc\t1\n'))
    assert "line 3: 1 value for 2 columns" in said
    assert "is a quotation mark left open?" in said


def test_rows_of_tsv_that_may_be_one_are_refused_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.tsv", 'text\tkind\nfine\tx\n"a\tb\nc"\td\n')
    said = refusal(path, Columns("text", "kind"))
    assert "a.tsv line 3: the quotation mark that opens here is closed on line 4" in said
    sure = write(tmp_path / "b.tsv", 'text\tkind\n6" pipe\tx\n"a\tb\nc"\td\n')  # no program quotes some marks only
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert [text for _, text in read_rows(sure)] == ['6" pipe', '"a', 'c"']
        assert caplog.messages == []
        recurs = write(tmp_path / "c.tsv", 'text\tkind\nfine\tx\n"a\tx\nc"\ty\n')
        assert [text for _, text in read_rows(recurs)] == ["fine", '"a', 'c"']
    (told,) = caplog.messages
    assert told.startswith(f"{recurs}: the quotation mark that opens on line 3 ")


def test_tsv_of_tabs_and_line_breaks_never_has_other_rows_unsaid(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(0)
    refused = 0
    for i in range(500):
        rows = [["".join(rng.choices('\t\na"', k=rng.randint(1, 6))), str(n)] for n in range(rng.randint(1, 4))]
        file = io.StringIO(newline="")
        csv.writer(file, csv.excel_tab).writerows([["text", "id"], *rows])
        caplog.clear()
        try:
            found = [list(row.values()) for _, row in open_table(write(tmp_path / f"{i}.tsv", file.getvalue())).rows]
        except DataError as error:
            refused += "is not clear" in str(error)
        else:
            assert found == rows or caplog.messages
    assert 0 < refused < 250


def test_many_rows_of_stray_quotation_marks(tmp_path: Path) -> None:
    texts = [('"' if i % 3 == 0 else "") + f"text {i}" + ('"' if i % 3 == 2 else "") for i in range(3_000)]
    path = write(tmp_path / "a.tsv", "text\tlabel\n" + "".join(f"{text}\t{i % 2}\n" for i, text in enumerate(texts)))
    assert [example.text for example in read(path)] == texts


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('text,label\na,1\n"b,1\nc,0\nd,1\n', 3),
        ('text,label\na,1\n"b,1\nc,0\nsaid "so",1\n', 3),
        ('text,label\n"two\nlines",1\n\n"fine","open\nc,0\n', 5),
        ('text,label\n"Hello" she said,1\n', 2),
        ('sep=,\ntext,label\na,1\n"b,1\n', 4),
        ('text,label,id\na,1,2\nb,"open,1\nc,0\nd",1,2,3\n', 3),
        ('text,label,id\n\n"two\nlines","open\nc,0"\n', 4),
    ],
)
def test_a_stray_quotation_mark_is_reported_where_it_opens(tmp_path: Path, content: str, line: int) -> None:
    said = refusal(write(tmp_path / "a.csv", content))
    assert f"a.csv line {line}: " in said
    assert "is a quotation mark left open?" in said or "the quotation mark that opens here closes on line" in said


def test_csv_cells_that_look_like_swallowed_rows_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", 'text,label\nz,1\n"a,1\nb,0\nc",1\n')
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert read(path) == [Example("z", "1"), Example("a,1\nb,0\nc", "1")]
        fine = write(tmp_path / "b.csv", 'text,label\nz,1\n"Dear all, hello\nyours X",1\n"two\nlines",0\n')
        assert len(read(fine)) == 3
    (said,) = caplog.messages
    assert said.startswith(f'{path}: 1 cells in "quotes" hold lines that look like rows')
    assert "line 5" in said


# -- delimiters and headers


@pytest.mark.parametrize(
    ("name", "header", "delimiter", "said"),
    [
        ("a.csv", "text;label", ";", "semicolons"),
        ("a.csv", "text|label", "|", "bars"),
        ("a.csv", "text\tlabel", "\t", "tabs"),
        ("a.csv", '"a text, or so;";label;text', ";", "semicolons"),
        ("a.tsv", "text,label", ",", "commas"),
        ("a.csv", "text,label;kind", ",", ""),
    ],
)
def test_delimiters_are_found_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, header: str, delimiter: str, said: str
) -> None:
    names = header.replace('"a text, or so;"', "x").split(delimiter)
    path = write(tmp_path / name, f"{header}\n{delimiter.join(f'a {name}' for name in names)}\n")
    columns = Columns("text", names[1] if "kind" in header else "label")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert read(path, columns) == [Example("a text", f"a {columns.label}")]
        read(path, columns)
    assert caplog.messages == ([f"{path}: read with {said} between its columns"] if said else [])


@pytest.mark.parametrize(
    ("content", "cells", "said"),
    [
        ("Gut, wirklich gut;positiv\nNicht gut;negativ\nNein, nein, nein;negativ\n", 2, "semicolons"),
        ('"Gut; wirklich";positiv\n"Nicht,\ngut";negativ\n', 2, "semicolons"),
        ("Ja, gut;positiv\nNein, gut;negativ\n", 2, "commas"),  # what is usual, but not unsaid
        ("good film,1\nbad; film,0\n", 2, ""),
        ("good film\nbad film\n", 1, ""),
    ],
)
def test_a_delimiter_without_a_header(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, cells: int, said: str
) -> None:
    path = write(tmp_path / "a.csv", content)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        rows = [row for _, row in open_table(path, Reading(header=False)).rows]
    assert {len(row) for row in rows} == {cells}
    told = f"{path}: read with {said} between its columns; if that is wrong, say --delimiter"
    assert caplog.messages == ([told] if said else [])
    assert "--delimiter" in refusal(write(tmp_path / "b.csv", "a,b\nc\n"), Columns("1", "2"), Reading(header=False))


def test_a_delimiter_that_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dat", "text~label\na,b~1\n")
    assert read(path, reading=Reading(delimiter="~")) == [Example("a,b", "1")]
    assert read(write(tmp_path / "b.txt", "text\tlabel\na\t1\n"), reading=Reading(delimiter="tab"))[0].text == "a"
    for wrong in ("", ";;", '"'):
        with pytest.raises(UsageError, match="one character, or tab"):
            read(path, reading=Reading(delimiter=wrong))


def test_excel_s_line_that_names_the_delimiter(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\ufeffsep=;\r\ntext;label\r\ngood, very;1\r\n;1\r\n")
    assert "a.csv line 4: there is no text" in refusal(path)
    assert next(iter(open_local(path).read("train"))) == Example("good, very", "1")


def test_names_with_spaces_and_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'id, text , label, note, note\n1, "good, very", 1, x, y\n')
    assert read(path) == [Example("good, very", "1")]
    assert [row for row, _ in read_rows(path)] == [
        {"id": "1", "text": "good, very", "label": "1", "note": "x", "note_2": "y"}
    ]
    assert "two columns have the same name 'note'" in refusal(path, Columns(text="note"))


def test_a_name_made_for_a_second_column_is_none_that_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "note,note,note_2,text\na,b,c,d\n")
    assert next(read_rows(path))[0] == {"note": "a", "note_3": "b", "note_2": "c", "text": "d"}


def test_names_with_spaces_where_they_are_keys(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"id": 1, " Text ": "good", "LABEL": "x", " yes": 1, "no": 0}\n')
    assert read(path) == [Example("good", "x")]
    assert read(path, Columns("Text", "LABEL")) == [Example("good", "x")]
    assert read(path, Columns(labels=("yes", "no"))) == [Example("good", ("yes",))]
    assert next(read_rows(path, remembered="Text"))[1] == "good"
    only = write(tmp_path / "b.jsonl", '{"words": "good"}\n')
    assert [text for _, text in read_rows(only)] == ["good"]


def test_a_column_has_one_role(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,a,b\nx,1,0\n")
    assert "the column 'a' cannot be both the text and the label" in refusal(path, Columns("a", labels=("a", "b")))
    assert "has no column 'c'" in refusal(path, Columns(labels=("a", "c")))


def test_parquet_that_holds_no_text(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    column = pyarrow.array([b"fine", b"caf\xe9"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"text": column, "label": ["a", "b"]}), tmp_path / "a.parquet")
    assert r"the text b'caf\xe9' is not UTF-8" in refusal(tmp_path / "a.parquet")


def test_a_table_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "1,good text\n0,bad class\n")
    reading = Reading(header=False)
    assert read(path, Columns("2", "1"), reading) == [Example("good text", "1"), Example("bad class", "0")]
    assert read(path, Columns(label="1"), reading) == [Example("good text", "1"), Example("bad class", "0")]
    assert next(read_rows(path, "2", reading=reading)) == ({"1": "1", "2": "good text"}, "good text")
    assert "no column '3'" in refusal(path, Columns("3", "1"), reading)
    assert "--label-column" in refusal(path, Columns("2"), reading)
    one = write(tmp_path / "b.csv", "good\nbad\n")
    assert [text for _, text in read_rows(one, reading=reading)] == ["good", "bad"]


@pytest.mark.parametrize("first", ["I love it,comment", "comment,I hate it", "a review,text", "id,text", "text,id"])
def test_a_header_is_not_guessed_from_a_row(tmp_path: Path, first: str) -> None:
    said = refusal(write(tmp_path / "a.csv", f"{first}\nsome words,1\n"))
    assert "--label-column" in said
    assert "--no-header" in said


@pytest.mark.parametrize(
    "content",
    [
        "how do I rate this film,rating\nwho are you,about\nhow many stars,rating\n",  # a label stands again
        "rate,rating\nwho,about\nstars,rating\n",
        "text,positive\na dull film,negative\na moving film,positive\n",  # so does another column's
        "a very good film,rating\nwho are you,about\n",  # a sentence is no name
        "good film!,rating\nwho are you,about\n",
        "5,text\n3,words\n",
        "text,rating\nwords,about\nmore words,rating\n",  # even both names may be data
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_first_row_that_may_be_data_is_no_header(tmp_path: Path, content: str, suffix: str) -> None:
    rows = list(csv.reader(content.splitlines()))
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv":
        write(path, content)
    else:
        book = pytest.importorskip("openpyxl").Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)
    assert "--no-header" in refusal(path)
    if "text" in rows[0]:
        with pytest.raises(UsageError, match="--no-header"):
            next(read_rows(path))
        with pytest.raises(UsageError, match="--no-header"):  # a model's own column is a chance, too
            next(read_rows(path, remembered="text"))
    assert [text for text, _ in read(path, Columns("1", "2"), Reading(header=False))] == [row[0] for row in rows]
    assert len(read(path, Columns(rows[0][0], rows[0][1]))) == len(rows) - 1  # who names a column has named the header


def test_headers_that_are_none_by_chance(tmp_path: Path) -> None:
    for header, row in (
        ("text,label", "the text,the label"),
        ("Review Text,Sentiment", "label,positive"),
        (",text,label", "0,words,x"),
        ("text,label,0,1.5", "words,x,0,1.5"),
        ("text,label,spam", "words,x,spam"),
    ):
        path = write(tmp_path / "a.csv", f"{header}\n{row}\n")
        assert len(read(path)) == 1
    path = write(tmp_path / "a.csv", "id,text,lang,is spam\n1,words,en,no\n")
    assert [text for _, text in read_rows(path)] == ["words"]
    pairs = write(tmp_path / "b.csv", "source,target\nout,aus\nsource,Quelle\n")
    with pytest.raises(UsageError, match=r"'source' stands in its column again on line 3; .* --no-header"):
        open_parallel(pairs)
    assert list(open_parallel(pairs, source_column="source").read("train"))[1:] == [Pair("source", "Quelle")]


def test_columns_without_names_take_no_time(tmp_path: Path) -> None:
    count = 16_384  # as many as Excel has
    path = write(tmp_path / "a.csv", f"text,label,_3{',' * count}\na,1,x{',' * count}\n")
    began = time.perf_counter()
    ((_, row),) = open_table(path).rows
    assert time.perf_counter() - began < 5
    assert (len(row), row["_3"], row[""], row["_2"], row["_4"]) == (count + 3, "x", "", "", "")


# -- columns are the run's


def test_train_s_columns_bind_the_other_splits(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "body,kind,text\nthe body,a,other\n")
    write(tmp_path / "dev.jsonl", '{"text": "other", "kind": "b", "body": "dev body"}\n')
    write(tmp_path / "test.tsv", "kind\tid\tbody\nc\t7\ttest body\n")
    dataset = open_local(tmp_path, Columns("body", "kind"))
    assert dataset.columns == {"text": "body", "label": "kind"}
    assert [list(dataset.read(split)) for split in ("train", "validation", "test")] == [
        [Example("the body", "a")],
        [Example("dev body", "b")],
        [Example("test body", "c")],
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("test.csv", "id,text\n1,words\n", "has no column 'label', which train.csv is read by; it has 'id', 'text'"),
        ("dev.csv", "text,label\n", "dev.csv has no rows"),
        ("dev.csv", "", "dev.csv is empty"),
        ("test.csv", "text,label,label\na,b,c\n", "two columns have the same name 'label'"),
        ("test.csv", b"text,label\ncaf\xe9,1\n", "test.csv line 2: byte 4"),
    ],
)
def test_a_split_that_cannot_be_begun_is_refused_when_the_set_is_opened(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    write(tmp_path / "train.csv", "text,label\na,1\nb,0\n")
    write(tmp_path / name, content)
    with pytest.raises(NlpkitError) as caught:
        open_local(tmp_path)
    assert said in str(caught.value)


def test_a_split_is_refused_before_training(nlpkit: Command, tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    write_csv(tmp_path / "mails" / "train.csv", made_reviews(20))
    write_csv(tmp_path / "mails" / "test.csv", [("1", "words")], header=("id", "text"))
    done = nlpkit("train", "sentiment", "--data", "mails", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: mails/test.csv has no column 'label', which train.csv")
    assert "epoch" not in done.stderr
    assert not (tmp_path / "models" / "sentiment-mails" / "metadata.json").exists()


def test_a_run_s_columns_are_remembered(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [("one", "two", "x")], header=("body", "text", "kind"))
    write_csv(tmp_path / "b.csv", [("three", "four", "y")], header=("text", "body", "kind"))
    classifier = TextClassifier("sentiment", source=str(tmp_path / "a.csv"), text_column="body", label_column="kind")
    assert list(classifier.rows(str(tmp_path / "b.csv"))[1]) == [Example("four", "y")]
    assert list(classifier.rows(str(tmp_path / "b.csv"), text_column="text")[1]) == [Example("three", "y")]


def test_remembered_columns_are_taken_where_they_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,body,label\none,two,x\n")
    other = write(tmp_path / "b.csv", "text,label\none,x\n")
    remembered = {"text": "body", "label": "label"}
    assert list(open_local(path, remembered=remembered).read("train")) == [Example("two", "x")]
    assert list(open_local(other, remembered=remembered).read("train")) == [Example("one", "x")]
    assert [text for _, text in read_rows(path, remembered="body")] == ["two"]
    assert [text for _, text in read_rows(path, "text", remembered="body")] == ["one"]
    assert [text for _, text in read_rows(other, remembered="body")] == ["one"]


def test_ids_are_no_labels_on_the_command_line(nlpkit: Command, tmp_path: Path) -> None:
    rows = [(str(i), text) for i, (text, _) in enumerate(made_reviews(20))]
    write_csv(tmp_path / "a.csv", rows, header=("id", "text"))
    done = nlpkit("train", "sentiment", "--data", "a.csv", "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "say so with --label-column" in done.stderr
    shown = nlpkit("data", "show", "a.csv", cwd=tmp_path)  # texts without labels
    assert shown.returncode == 0, shown.stderr
    assert "20 documents" in shown.stdout
    shown = nlpkit("data", "show", "a.csv", "--no-header", "--text-column", "2", cwd=tmp_path)
    assert "21 documents" in shown.stdout


@pytest.mark.parametrize(
    ("name", "reading", "option"),
    [
        ("a.jsonl", Reading(delimiter=";"), "--delimiter"),
        ("a.jsonl", Reading(header=False), "--no-header"),
        ("a.json", Reading(header=False), "--no-header"),
        ("a.parquet", Reading(encoding="cp1252"), "--encoding"),
        ("a.xlsx", Reading(encoding="cp1252"), "--encoding"),
        ("a.xlsx", Reading(delimiter=";"), "--delimiter"),
        ("a.txt", Reading(header=False), "--no-header"),
        ("a.tmx", Reading(encoding="cp1252"), "--encoding"),
    ],
)
def test_ways_to_read_that_say_nothing_are_refused(tmp_path: Path, name: str, reading: Reading, option: str) -> None:
    write(tmp_path / name, '{"text": "a", "label": 1}\n')
    for call in (open_labelled, open_documents, open_pairs):
        with pytest.raises(UsageError, match=rf"{name}: {option} says nothing here"):
            call(str(tmp_path / name), reading=reading)
    with pytest.raises(UsageError, match=option):
        next(read_texts(None, tmp_path / name, reading=reading))
    write(tmp_path / "set" / "train.csv", "a;1\n")
    write(tmp_path / "set" / "test.jsonl", '{"1": "a", "2": 1}\n')  # of a folder, what they go with
    both = open_labelled(str(tmp_path / "set"), text_column="1", label_column="2", reading=Reading(None, ";", False))
    assert list(both.read("test")) == [Example("a", "1")]


def test_pairs_are_told_from_texts(nlpkit: Command, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"translation": {"en": "one", "de": "eins"}}\n')
    write(tmp_path / "b.csv", "en,de\none,eins\n")
    for name in ("a.jsonl", "b.csv"):
        shown = nlpkit("data", "show", name, cwd=tmp_path)
        assert (shown.returncode, shown.stdout) == (2, "")
        assert "say --pair en-de or the like, or --source-column and --target-column" in shown.stderr
        assert "1 pairs" in nlpkit("data", "show", name, "--pair", "en-de", cwd=tmp_path).stdout


# -- compression and formats


def zipped(content: bytes, *names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pytest.importorskip("backports.zstd").compress(content))


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
    ".zip": lambda content: zipped(content, "folder/inner.csv", "__MACOSX/._inner.csv", "folder/.DS_Store"),
}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_files(tmp_path: Path, suffix: str) -> None:
    content = 'text,label\n"café, très bon",1\nmauvais,0\n'.encode()
    path = write(tmp_path / f"a.csv{suffix}", COMPRESSORS[suffix](content))
    assert read(path) == ROWS
    write(tmp_path / "set" / f"train.csv{suffix}", path.read_bytes())
    assert read(tmp_path / "set") == ROWS
    if suffix != ".zip":
        text = write(tmp_path / f"a.txt{suffix}", COMPRESSORS[suffix]("one\nzwö\n".encode()))
        assert [line for _, line in read_rows(text)] == ["one", "zwö"]


@pytest.mark.parametrize("suffix", COMPRESSORS)
@pytest.mark.parametrize("damage", ["cut", "other"])
def test_damaged_compressed_files(tmp_path: Path, suffix: str, damage: str) -> None:
    content = b"text,label\n" + b"".join(b"%d words,%d\n" % (i * i, i % 2) for i in range(20_000))
    whole = COMPRESSORS[suffix](content)
    path = write(tmp_path / f"a.csv{suffix}", whole[: len(whole) * 2 // 3] if damage == "cut" else b"not compressed")
    assert refusal(path)


def test_zip_files_of_none_or_several(tmp_path: Path) -> None:
    for names in ((), ("a.csv", "b.csv")):
        path = write(tmp_path / "a.zip", zipped(b"text,label\na,1\n", *names))
        assert f"holds {len(names)} files; unpack it" in refusal(path)
    assert read(write(tmp_path / "a.zip", zipped(b"text,label\na,1\n", "mails.csv"))) == [Example("a", "1")]


def test_no_file_stays_open_when_a_table_is_left(tmp_path: Path) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    for cells in [("text", "label"), ("one", "a"), ("two", "b")]:
        book.active.append(cells)
    book.save(tmp_path / "a.xlsx")
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs a system that tells of open files")
    names, rows = open_table(tmp_path / "a.xlsx")
    assert (names, next(rows)[1]) == (["text", "label"], {"text": "one", "label": "a"})
    assert not [path for path in Path("/proc/self/fd").iterdir() if path.resolve() == tmp_path / "a.xlsx"]


def test_json_arrays(tmp_path: Path) -> None:
    rows = [{"text": text, "label": int(str(label))} for text, label in ROWS]
    for content in (json.dumps(rows), json.dumps(rows, indent=2), "\n".join(map(json.dumps, rows))):
        assert read(write(tmp_path / "a.json", content)) == ROWS
    assert [text for _, text in read_rows(write(tmp_path / "b.json", '["one", "two"]'))] == ["one", "two"]
    assert list(read_rows(write(tmp_path / "c.json", "[]"))) == []
    for content, said in (
        ("[]", "has no rows"),
        ("", "has no rows"),
        ('{\n"text": 1}', "no array of rows"),
        ('{"data": [{"text": "a", "label": 1}]}', "which of the columns 'data'"),
        ("[1, 2]", "element 1 is neither"),
        ('[{"text": "a"', "not JSON"),
        ('[{"text": "half \\ud83d", "label": 1}]', "not JSON"),
        ("[" * 100_000, "not JSON"),
    ):
        assert said in refusal(write(tmp_path / "d.json", content))


def test_other_names_of_formats(tmp_path: Path) -> None:
    for name, content in (
        ("a.tab", 'text\tlabel\n"café, très bon"\t1\nmauvais\t0\n'),
        ("a.psv", "text|label\ncafé, très bon|1\nmauvais|0\n"),
        ("a.jsonlines", "".join(json.dumps(row._asdict()) + "\n" for row in ROWS)),
        ("a.jl.gz", gzip.compress("".join(json.dumps(row._asdict()) + "\n" for row in ROWS).encode())),
    ):
        assert read(write(tmp_path / name, content)) == ROWS


def test_predict_reads_rows_of_json(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    write(
        tmp_path / "x.json",
        json.dumps([{"text": "a lovely film", "id": 7}, {"text": "a dull film", "id": 8}], indent=1),
    )
    done = nlpkit("predict", "--model", trained, "--file", "x.json", "--json", cwd=tmp_path)
    assert [(row["id"], row["label"]) for row in map(json.loads, done.stdout.splitlines())] == [
        (7, "positive"),
        (8, "negative"),
    ]


def test_fasttext_s_lines(tmp_path: Path) -> None:
    content = "__label__1 café, très bon\n\n__label__0\tmauvais\n"
    assert read(write(tmp_path / "a.txt", content)) == ROWS
    assert read(write(tmp_path / "train.ft.txt.bz2", bz2.compress(b"\xef\xbb\xbf" + content.encode()))) == ROWS
    assert [text for _, text in read_rows(tmp_path / "a.txt")] == [text for text, _ in ROWS]
    rows = [
        row
        for _, row in open_table(write(tmp_path / "b.txt", "__label__a __label__b both\n__label__a one\nnone\n")).rows
    ]
    assert [row["label"] for row in rows] == [["a", "b"], "a", None]


def test_excel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "mails"
    for row in ([" text ", "label", None], ["café, très bon", 1, None], [], ["mauvais", 0, None], [None, 1]):
        sheet.append(row)
    book.create_sheet("notes")
    path = tmp_path / "a.xlsx"
    book.save(path)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert list(open_local(path, skip_empty=True).read("train")) == ROWS
    assert caplog.messages[0] == f"{path}: read its first sheet, 'mails', of 2"
    assert "line 5: there is no text" in refusal(path)
    rows = open_local(path, Columns("1", "2"), skip_empty=True, reading=Reading(header=False)).read("train")
    assert [text for text, _ in rows] == [" text ", "café, très bon", "mauvais"]
    assert "is not readable as .xlsx" in refusal(write(tmp_path / "b.xlsx", "no"))


def test_excel_of_another_standard(tmp_path: Path) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.append(["text", "label"])
    book.save(tmp_path / "usual.xlsx")
    with zipfile.ZipFile(tmp_path / "usual.xlsx") as usual, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as strict:
        for name in usual.namelist():
            content = usual.read(name).replace(
                b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
                b"http://purl.oclc.org/ooxml/officeDocument/relationships",
            )
            strict.writestr(name, content)
    assert "Strict Open XML; save it as usual .xlsx" in refusal(tmp_path / "a.xlsx")


def test_shards_of_hugging_face(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (tmp_path / "data").mkdir()
    write(tmp_path / "README.md", "# a card")
    for split, count in (("train", 3), ("test", 1)):
        for i in range(count):
            table = pyarrow.table({"text": [f"{split} {i}"], "label": [i]})
            parquet.write_table(table, tmp_path / "data" / f"{split}-{i:05}-of-{count:05}-0a1b2c3d.parquet")
    dataset = open_local(tmp_path)
    assert list(dataset.read("train")) == [Example(f"train {i}", str(i)) for i in range(3)]
    assert list(dataset.read("test")) == [Example("test 0", "0")]
    (tmp_path / "data" / "train-00001-of-00003-0a1b2c3d.parquet").unlink()
    with pytest.raises(UsageError, match="number 1 is not there"):
        open_local(tmp_path)


def test_folders_of_splits_that_hold_tables(tmp_path: Path) -> None:
    write(tmp_path / "train" / "0000.jsonl", '{"text": "a", "label": 1}\n')
    write(tmp_path / "train" / "0001.csv.gz", gzip.compress(b"text,label\nb,0\n"))
    write(tmp_path / "test" / "0000.csv", "text,label\nc,1\n")
    dataset = open_local(tmp_path)
    assert [text for text, _ in dataset.read("train")] == ["a", "b"]
    assert [text for text, _ in dataset.read("test")] == ["c"]


@pytest.mark.parametrize(
    "name",
    [
        "a.pdf",
        "a.docx",
        "a.xls",
        "a.db",
        "a.sqlite",
        "a.pkl",
        "a.npz",
        "a.h5",
        "a.PNG",
        "a.tar.gz",
        "a.feather",
        "a.html",
        "a.HTM",
        "a.xml",
        "a.yaml",
        "a.yml",
        "a.toml",
        "a.tmx",
    ],
)
def test_what_is_known_and_not_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, gzip.compress(b"plain words\n") if name.endswith(".gz") else b"plain words\n")
    for call in (lambda: list(read_rows(path)), lambda: read(path)):
        with pytest.raises(DataError, match=r"files are not read; |only a translator") as caught:
            call()
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n%abc\n", "PDF"),
        (zipped(b"x", "a"), ".zip"),
        (gzip.compress(b"x"), ".gz"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1abc", ".parquet"),
    ],
    ids=["pdf", "zip", "gz", "sqlite", "parquet"],  # what is packed holds the time
)
def test_what_is_no_text_is_known_by_its_beginning(tmp_path: Path, content: bytes, kind: str) -> None:
    path = write(tmp_path / "blob", content)
    with pytest.raises(DataError, match=f"is not text: it begins as .*{kind}"):
        list(read_rows(path))


def test_standard_input_as_a_table(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    table = "id,text\n1,a lovely film\n2,a dull film\n"
    done = nlpkit("predict", "--model", trained, "--file", "-", "--delimiter", ",", "--format", "csv", stdin=table)
    assert done.stdout.splitlines()[0] == "id,text,label,score"
    assert [line.split(",")[:3] for line in done.stdout.splitlines()[1:]] == [
        ["1", "a lovely film", "positive"],
        ["2", "a dull film", "negative"],
    ]
    empty = nlpkit("predict", "--model", trained, "-f", "-", "--delimiter", ",", "--format", "csv", stdin="id,text\n")
    assert empty.stdout == "id,text,label,score\n"
    lines = nlpkit("predict", "--model", trained, "--file", "-", stdin="a lovely film\n")
    assert lines.stdout.endswith("\ta lovely film\n")
    refused = nlpkit("predict", "--model", trained, "--file", "-", "--text-column", "text", stdin="a lovely film\n")
    assert (refused.returncode, refused.stdout) == (2, "")


def test_pipes_are_read_once(nlpkit: Command, trained: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for content, code in ((b"a lovely film\na dull film\n", 0), (b"a lovely film\ncaf\xe9\n", 1)):
        writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
        writer.start()
        done = nlpkit("predict", "--model", trained, "--file", "pipe", cwd=tmp_path, timeout=60)
        writer.join()
        assert done.returncode == code
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["positive", "negative"][: 2 - 2 * code]
    refused = nlpkit("data", "show", "pipe", cwd=tmp_path, timeout=60)
    assert (refused.returncode, refused.stderr.count("pipe is no regular file")) == (2, 1)


# -- labels


def test_labels_are_one_whatever_their_form(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", "text,label\na, caf\u00e9 \nb,cafe\u0301\nc,Caf\u00e9\nd,d\u00e9j\u00e0 vu\n")
    dataset = open_local(path)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        for _ in range(2):
            assert [label for _, label in dataset.read("train")] == ["café", "café", "Café", "déjà vu"]
    assert caplog.messages == [
        f"{path}: labels that differ only by Unicode's form are one, such as 'café'",
        f"{path}: the labels 'Café' and 'café' are taken for different ones; write them alike if they are not",
    ]


def test_numbers_that_look_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,5\nb,5.0\nc,12345678901234567\nd,12345678901234568\n")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert [label for _, label in read(path)][:2] == ["5", "5.0"]
        rows = [{"text": "a", "label": 5}, {"text": "b", "label": "5"}, {"text": "c", "label": 5.0}]
        mixed = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        assert {label for _, label in read(mixed)} == {"5"}
    assert caplog.messages == [
        f"{path}: the labels '5' and '5.0' are taken for different ones; write them alike if they are not"
    ]


def test_rows_left_out_are_counted_for_every_split(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "train.csv", "text,label\na,1\n,1\n \u3000,0\n")
    write(tmp_path / "test.csv", "text,label\n,1\nb,1\n")
    dataset = open_local(tmp_path, skip_empty=True)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        for split in dataset.splits:
            list(dataset.read(split))
    assert caplog.messages == [
        f"left out 2 rows without text in {tmp_path / 'train.csv'}",
        f"left out 1 row without text in {tmp_path / 'test.csv'}",
    ]


# -- folders


def test_class_folders_tell_what_they_skip(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path / "pos" / "1.TXT", "good")
    write(tmp_path / "pos" / ".2.txt", "hidden")
    write(tmp_path / "pos" / "notes.md", "no text")
    write(tmp_path / "pos" / "deep" / "3.txt", "too deep")
    write(tmp_path / "neg" / "1.txt", "bad")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert read(tmp_path) == [Example("bad", "neg"), Example("good", "pos")]
    assert caplog.messages == [
        f"{tmp_path / 'pos'}: left out 2 files that are not .txt files in the folder itself, such as notes.md"
    ]
    caplog.clear()
    for name in ("train/pos/1.txt", "train/neg/1.txt", "train/beside.txt", "test/pos/2.txt", "README", "extra/3.txt"):
        write(tmp_path / "set" / name, name)
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert len(read(tmp_path / "set")) == 2
    assert caplog.messages == [
        f"{tmp_path / 'set' / 'train'}: left out 1 file that is not in a folder of a class, such as beside.txt",
        f"{tmp_path / 'set'}: left out 2 files that are not in a folder of a split, such as README",
    ]


def test_a_fingerprint_is_of_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    write(folder / "pos" / "1.txt", "good")
    write(tmp_path / "elsewhere" / "1.txt", "bad")
    (folder / "neg").symlink_to(tmp_path / "elsewhere")
    first = open_local(folder).fingerprint
    write(folder / ".DS_Store", "x")
    write(folder / "neg" / ".hidden.txt", "x")
    write(folder / "notes.md", "x")
    os.utime(folder / "pos" / "1.txt", (1, 1))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(folder)
    for spelling in ("folder", "./folder/", "link", str(folder), "elsewhere/../folder"):
        assert open_local(Path(spelling)).fingerprint == first
    write(tmp_path / "elsewhere" / "1.txt", "worse")
    assert open_local(folder).fingerprint != first


def test_the_name_of_a_file_is_not_in_its_fingerprint(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,1\n")
    (tmp_path / "b.csv").symlink_to(path)
    assert open_local(tmp_path / "b.csv").fingerprint == open_local(path).fingerprint
    assert open_local(path, reading=Reading("cp1252")).fingerprint != open_local(path).fingerprint


def test_a_folder_that_links_to_itself(tmp_path: Path) -> None:
    write(tmp_path / "pos" / "1.txt", "good")
    write(tmp_path / "neg" / "1.txt", "bad")
    (tmp_path / "pos" / "up").symlink_to(tmp_path)
    assert len(read(tmp_path)) == 2
