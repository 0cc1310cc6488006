"""Pairs of sentences from files, folders, tables and Babel."""

import datetime
import gzip
import json
import logging
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from nlpkit.data.batching import plan_pairs
from nlpkit.data.catalog import open_pairs
from nlpkit.data.dataset import Dataset, Pair, dataset_from_pairs
from nlpkit.data.dates import LANGUAGES, write_date
from nlpkit.data.tables import Reading
from nlpkit.data.tfds import open_tfds_pairs
from nlpkit.errors import DataError, UsageError
from nlpkit.tasks.translation.pairs import prepare_pairs
from nlpkit.tasks.translation.recipe import TranslationRecipe, TranslatorTokenizer
from tests.conftest import SHARED_DATA, Command, write_csv


def lines(path: Path, *texts: str) -> Path:
    path.write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    return path


def test_two_files(tmp_path: Path) -> None:
    source, target = lines(tmp_path / "a.en", "one", "", "two"), lines(tmp_path / "a.de", "eins", "leer", "zwei")
    dataset = open_pairs(str(source), target=str(target))
    assert list(dataset.read("train")) == [Pair("one", "eins"), Pair("", "leer"), Pair("two", "zwei")]
    before = dataset.fingerprint
    lines(target, "eins", "leer", "drei")
    assert open_pairs(str(source), target=str(target)).fingerprint != before


def test_sides_of_different_length_are_counted(tmp_path: Path) -> None:
    source, target = lines(tmp_path / "a.en", "one", "two", "three"), lines(tmp_path / "a.de", "eins", "zwei")
    with pytest.raises(DataError, match=r"a\.en has 3 lines and .*a\.de has 2: line 3 stands alone"):
        list(open_pairs(str(source), target=str(target)).read("train"))


def test_one_blank_line_at_the_end_of_one_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source, target = lines(tmp_path / "a.en", "one", "two"), lines(tmp_path / "a.de", "eins", "zwei", " ")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert list(open_pairs(str(source), target=str(target)).read("train")) == [
            Pair("one", "eins"),
            Pair("two", "zwei"),
        ]
        assert len(list(open_pairs(str(target), target=str(source)).read("train"))) == 2
    assert caplog.messages == [f"{target} ends with a blank line that the other does not have: not read"]
    for more in (("", ""), ("drei",)):
        lines(target, "eins", "zwei", *more)
        with pytest.raises(DataError, match=rf"has 2 lines and .*a\.de has {2 + len(more)}: line 3 stands alone"):
            list(open_pairs(str(source), target=str(target)).read("train"))


def test_files_in_another_encoding_and_compressed(tmp_path: Path) -> None:
    (tmp_path / "train.en.gz").write_bytes(gzip.compress(b"one\ntwo\n"))
    (tmp_path / "train.fr.gz").write_bytes(gzip.compress("un\ndéjà\n".encode("latin-1")))
    dataset = open_pairs(str(tmp_path), pair="en-fr", reading=Reading("latin-1"))
    assert list(dataset.read("train")) == [Pair("one", "un"), Pair("two", "déjà")]
    assert list(open_pairs(str(tmp_path / "train.fr.gz"), pair="en-fr", reading=Reading("latin-1")).read("train")) == [
        Pair("one", "un"),
        Pair("two", "déjà"),
    ]


def test_two_files_beside_each_other_and_folders_of_them(tmp_path: Path) -> None:
    for corpus in ("news.en-de", "books"):
        lines(tmp_path / f"{corpus}.en", f"{corpus} en")
        lines(tmp_path / f"{corpus}.de", f"{corpus} de")
    lines(tmp_path / "README", "no corpus")
    one = [Pair("news.en-de de", "news.en-de en")]
    for name in ("news.en-de", "news.en-de.en", "news.en-de.de"):
        assert list(open_pairs(str(tmp_path / name), pair="de-en").read("train")) == one
    assert list(open_pairs(str(tmp_path), pair="de-en").read("train")) == [Pair("books de", "books en"), *one]
    for pair, message in (("de-fr", "holds no fr"), ("fr-it", "holds no files such as"), (None, "holds no files such")):
        with pytest.raises(UsageError, match=message):
            open_pairs(str(tmp_path), pair=pair)
    with pytest.raises(UsageError, match="one side only; name the other with --target, or both languages with --pair"):
        open_pairs(str(tmp_path / "books.en"))


TMX = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en-US"><seg>One <bpt i="1">&lt;b title="<sub>no</sub>"></bpt>&amp;
 <hi>two</hi><ept i="1">&lt;/b></ept></seg></tuv><tuv xml:lang="DE"><seg>Eins</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Alone</seg></tuv></tu>
<tu><tuv lang="de"><seg>Drei</seg></tuv><tuv lang="en"><seg>Three</seg></tuv><tuv lang="fr"><seg/></tuv></tu>
</body></tmx>"""


def test_translation_memories(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.tmx"
    path.write_text(TMX, encoding="utf-8")
    dataset = open_pairs(str(path), pair="en-de")
    with caplog.at_level(logging.WARNING, logger="nlpkit"):
        assert list(dataset.read("train")) == [Pair("One & two", "Eins"), Pair("Three", "Drei")]
    assert caplog.messages == [f"left out 1 unit of {path} that is not in both en and de"]
    with pytest.raises(UsageError, match=r"holds en-us, de; say from which to which with --pair en-us-de|--pair en-de"):
        open_pairs(str(path))
    with pytest.raises(DataError, match="no unit in both languages of en-fr; it has en-us, de, en, fr"):
        open_pairs(str(path), pair="en-fr")
    for content, said in (
        (TMX[:-20], "not TMX"),
        ("<html/>", "begins with <html>"),
        ("words", "not TMX"),
        ("", "not TMX"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=said):
            list(open_pairs(str(path), pair="en-de").read("train"))


@pytest.mark.parametrize("encoding", ["gbk", "big5", "shift_jis", "no-such"])
def test_translation_memories_in_encodings_that_are_not_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.tmx"
    path.write_text(TMX.replace("utf-8", encoding), encoding="ascii")
    with pytest.raises(DataError, match=r"a\.tmx: its encoding is not read .*; save it as UTF-8"):
        open_pairs(str(path), pair="en-de")


def test_a_translation_memory_is_read_a_unit_at_a_time(tmp_path: Path) -> None:
    unit = "<tu><tuv lang='en'><seg>a</seg></tuv><tuv lang='de'><seg>b</seg></tuv></tu>"
    path = tmp_path / "a.tmx"
    path.write_text(f"<tmx><body>{unit * 20_000}</body></tmx>")
    rows = open_pairs(str(path), pair="en-de").read("train")
    next(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows) == 19_999
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_lines_of_tatoeba(tmp_path: Path) -> None:
    path = lines(tmp_path / "deu.txt", "Go.\tGeh.\tCC-BY 2.0 (France)", '"Hi!"\t"Hallo!"\tCC-BY 2.0', "")
    dataset = open_pairs(str(path), pair="en-de")
    assert list(dataset.read("train")) == [Pair("Go.", "Geh."), Pair('"Hi!"', '"Hallo!"')]
    assert dataset.columns == {"source": "1", "target": "2"}
    turned = open_pairs(str(path), source_column="2", target_column="1")
    assert next(turned.read("train")) == Pair("Geh.", "Go.")
    for columns in ({"target_column": "1"}, {"source_column": "2"}, {"source_column": "01", "target_column": "1"}):
        with pytest.raises(UsageError, match=r"deu\.txt: column 0?\d cannot be both"):
            open_pairs(str(path), **columns)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="does not name its columns"):
        open_pairs(str(path), source_column="en")
    lines(path, "a\tb", "alone")
    with pytest.raises(DataError, match=r"deu\.txt line 2: 1 of the columns that tabs divide, where 2 are needed"):
        list(open_pairs(str(path)).read("train"))


def test_sentences_by_their_language_in_one_column(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "translation": {"en": "one", "de": "eins"}},
        {"id": 2, "translation": {"de": "zwei", "en": "two"}},
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    expected = [Pair("one", "eins"), Pair("two", "zwei")]
    for source in (path, tmp_path):
        dataset = open_pairs(str(source), pair="en-de")
        assert list(dataset.read("train")) == expected
        assert dataset.columns == {"source": "en", "target": "de"}
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pytest.importorskip("pyarrow").Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "a.parquet")
    assert list(open_pairs(str(tmp_path / "a.parquet"), pair="en-de").read("train")) == expected
    with pytest.raises(UsageError, match="--target-column"):
        open_pairs(str(path), pair="en-fr", source_column="en")


def test_train_s_columns_bind_the_other_splits(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", [("x", "y")], header=("english", "german"))
    write_csv(tmp_path / "test.csv", [("b", "a")], header=("german", "english"))
    columns = {"source_column": "english", "target_column": "german"}
    assert list(open_pairs(str(tmp_path), **columns).read("test")) == [Pair("a", "b")]  # type: ignore[arg-type]
    write_csv(tmp_path / "test.csv", [("b", "a")], header=("german", "target"))
    with pytest.raises(UsageError, match=r"test\.csv has no column 'english', which train\.csv is read by"):
        open_pairs(str(tmp_path), **columns)  # type: ignore[arg-type]


def test_an_empty_side_is_refused_when_the_set_is_opened(tmp_path: Path) -> None:
    for name in ("train.en", "train.de", "val.en"):
        lines(tmp_path / name, "a")
    lines(tmp_path / "val.de")
    with pytest.raises(DataError, match=r"val\.de is empty"):
        open_pairs(str(tmp_path), pair="en-de")


def test_what_the_command_shows_of_pairs(nlpkit: Command, tmp_path: Path) -> None:
    lines(tmp_path / "deu.txt", "Go.\tGeh.\tCC-BY", "Stop!\tHalt!\tCC-BY")
    (tmp_path / "a.tmx").write_text(TMX, encoding="utf-8")
    write_csv(tmp_path / "a.csv", [("Go.", "Geh.")], header=("source", "target"))
    lines(tmp_path / "corpus.en", "Go.")
    lines(tmp_path / "corpus.de", "Geh.", "")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text('{"translation": {"en": "Go.", "de": "Geh."}}\n')
    for arguments, count, shown in (
        (("deu.txt", "--pair", "en-de"), 2, "Go.  →  Geh."),
        (("a.tmx", "--pair", "en-de"), 2, "Three  →  Drei"),
        (("a.csv",), 1, "Go.  →  Geh."),
        (("corpus", "--pair", "en-de"), 1, "Go.  →  Geh."),
        (("set", "--pair", "de-en"), 1, "Geh.  →  Go."),
    ):
        done = nlpkit("data", "show", *arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"train: {count} pairs" in done.stdout
        assert shown in done.stdout


def test_tables(tmp_path: Path) -> None:
    rows = [("Hello", "Hallo"), ("Bye", "Tschüs")]
    expected = [Pair(*row) for row in rows]
    named = write_csv(tmp_path / "a.csv", rows, header=("source", "target"))
    assert list(open_pairs(str(named)).read("train")) == expected
    languages = write_csv(tmp_path / "b.csv", rows, header=("en", "de"))
    assert list(open_pairs(str(languages), pair="en-de").read("train")) == expected
    turned = [Pair(target, source) for source, target in rows]
    assert list(open_pairs(str(languages), pair="de-en").read("train")) == turned
    chosen = open_pairs(str(languages), source_column="en", target_column="de")
    assert list(chosen.read("train")) == expected
    table = tmp_path / "c.jsonl"
    table.write_text("".join(json.dumps({"src": a, "tgt": b}) + "\n" for a, b in rows))
    assert list(open_pairs(str(table)).read("train")) == expected
    with pytest.raises(UsageError, match="--source-column"):
        list(open_pairs(str(languages)).read("train"))
    with pytest.raises(UsageError, match="cannot be both"):
        list(open_pairs(str(languages), source_column="en", target_column="en").read("train"))


def test_the_one_column_beside_the_source_is_the_target(tmp_path: Path) -> None:
    assert list(
        open_pairs(str(write_csv(tmp_path / "a.csv", [("a", "b")], header=("words", "src")))).read("train")
    ) == [Pair("b", "a")]
    three = write_csv(tmp_path / "b.csv", [("a", "b", "c")], header=("words", "src", "id"))
    with pytest.raises(UsageError, match="say so with --target-column"):
        open_pairs(str(three))


def test_a_folder_of_aligned_files(tmp_path: Path) -> None:
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de", "fr"):
            lines(tmp_path / f"{split}.{language}", f"{split} {language}")
    dataset = open_pairs(str(tmp_path), pair="de-fr")
    assert set(dataset.splits) == {"train", "validation", "test"}
    assert list(dataset.read("test")) == [Pair("test_2016_flickr de", "test_2016_flickr fr")]
    lines(tmp_path / "test_2017.de", "x")
    lines(tmp_path / "test_2017.fr", "y")
    several = open_pairs(str(tmp_path), pair="de-fr")
    assert set(several.splits) == {"train", "validation", "test_2016_flickr", "test_2017"}
    assert set(open_pairs(str(tmp_path), pair="de-en").splits) == {"train", "validation", "test"}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (None, r"say from which to which with --pair de-en"),
        ("en-en", "the same language twice"),
        ("en", "no pair of languages"),
        ("en-it", "holds no it; it has de, en"),
    ],
)
def test_pairs_that_a_folder_does_not_hold(tmp_path: Path, pair: str | None, message: str) -> None:
    for language in ("en", "de"):
        lines(tmp_path / f"train.{language}", "a")
    with pytest.raises(UsageError, match=message):
        open_pairs(str(tmp_path), pair=pair)


def test_what_is_not_there(tmp_path: Path) -> None:
    source = lines(tmp_path / "a.en", "one")
    for arguments, message in (
        ({"source": str(source)}, "name the other with --target"),
        ({"source": str(source), "target": "nowhere.de"}, r"no file at nowhere\.de"),
        ({"source": "nowhere.en", "target": str(source)}, r"no file at nowhere\.en"),
        ({"source": str(source), "target": str(source)}, "both the source and the target"),
        ({"source": "dats"}, "did you mean dates"),
        ({"source": "reviews"}, "is data for classification"),
        ({"source": "dates", "pair": "en-de"}, "one pair only"),
        ({"source": str(tmp_path)}, "--pair|holds no files"),
    ):
        with pytest.raises(UsageError, match=message):
            open_pairs(**arguments)  # type: ignore[arg-type]


def test_dates_are_what_they_say() -> None:
    dataset = open_pairs("dates")
    splits = {split: list(dataset.read(split)) for split in dataset.splits}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 24_000, "validation": 500, "test": 1_000}
    days = [target for rows in splits.values() for _, target in rows]
    assert len(set(days)) == len(days)  # what is held out was not seen in another language
    assert list(dataset.read("test")) == splits["test"]
    numeric = 0
    for source, target in splits["train"]:
        date = datetime.date.fromisoformat(target)
        figures = [int(number) for number in re.findall(r"\d+", source)]
        assert date.year in figures
        assert date.day in figures
        if len(figures) == 3 and not re.search(r"[^\W\d]", source):
            numeric += 1
            assert figures[0] == date.year or "." in source or date.day > 12 or date.day == date.month, source
    assert numeric > 1000


def test_dates_in_their_languages() -> None:
    from babel import Locale

    assert len(LANGUAGES) == 15
    day = datetime.date(2024, 3, 5)
    assert write_date(day, Locale("fr"), "long") == "5 mars 2024"
    assert write_date(day, Locale("de"), "full") == "Dienstag, 5. März 2024"
    assert write_date(day, Locale("en"), "numeric") == "March 5, 2024"  # 3/5/2024 could be in May
    assert write_date(datetime.date(2024, 3, 25), Locale("en"), "numeric") == "3/25/2024"
    assert write_date(day, Locale("ja"), "numeric") == "2024/3/5"


def test_weeding(caplog: pytest.LogCaptureFixture) -> None:
    good = [Pair(f"a plain line {i}", f"eine Zeile {i}") for i in range(40)]
    bad = [Pair("", "leer"), Pair("leer", " "), Pair("word " * 200, "Wort " * 200), Pair("ab", "viel zu lang " * 5)]
    splits = {"train": lambda: iter([*bad[:2], *good, *bad[2:]]), "validation": lambda: iter([bad[0], good[0]])}
    recipe = TranslationRecipe(tokenizer=TranslatorTokenizer(vocab_size=300))
    for _ in range(2):  # the second time from the cache
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            prepared = prepare_pairs(Dataset("made", splits, "weeding"), recipe)
        assert prepared.facts.left_out == {
            "train": {"with an empty side": 2, "of uneven lengths": 1, "longer than 100 tokens": 1},
            "validation": {"with an empty side": 1},
        }
        assert "left out 4 pairs of made: with an empty side 2" in caplog.text
        assert "left out 1 pair of made: with an empty side 1 (validation)" in caplog.text
        assert prepared.facts.repeated == {"validation": 1}
        assert "1 pair of made, validation, stands in train, too" in caplog.text
        assert [prepared.train.pair(row) for row in range(len(prepared.train))] == good
        assert [prepared.validation.pair(row) for row in range(len(prepared.validation))] == good[:1]
        for row, (source, target) in enumerate(good):
            assert prepared.tokenizer.decode(prepared.train.source.row(row)) == source
            assert prepared.tokenizer.decode(prepared.train.target.row(row)) == target


def test_digits_are_spelt_one_by_one() -> None:
    dataset = dataset_from_pairs([f"1999 to {i}" for i in range(50)], ["1999"] * 50)
    prepared = prepare_pairs(dataset, TranslationRecipe(tokenizer=TranslatorTokenizer(vocab_size=300)))
    pieces = prepared.tokenizer.pieces(prepared.tokenizer.encode(["1999"])[0])
    assert "".join(pieces).lstrip("\u2581") == "1999"
    assert max(len(piece.lstrip("\u2581")) for piece in pieces) == 1


def test_a_plan_takes_every_pair_once_with_little_padding() -> None:
    rng = np.random.default_rng(0)
    source = rng.integers(3, 40, 3_000)
    target = np.maximum(1, source + rng.integers(-3, 4, 3_000))
    plan = plan_pairs(source, target, 64, 1_024, np.random.default_rng(1))
    assert sorted(np.concatenate([batch.rows for batch in plan]).tolist()) == list(range(3_000))
    steps = sum(len(b.rows) * (source[b.rows].max() + target[b.rows].max()) for b in plan)
    assert (source + target).sum() / steps > 0.9
    assert all(len(batch.rows) * batch.width <= 1_024 for batch in plan)
    again = plan_pairs(source, target, 64, 1_024, np.random.default_rng(1))
    assert all((a.rows == b.rows).all() for a, b in zip(plan, again, strict=True))
    other = plan_pairs(source, target, 64, 1_024, np.random.default_rng(2))
    assert any(a.rows.tolist() != b.rows.tolist() for a, b in zip(plan, other, strict=False))


def test_multi30k() -> None:
    folder = SHARED_DATA / "multi30k"
    if not folder.is_dir():
        pytest.skip("needs Multi30k in ../shared/data/multi30k")
    dataset = open_pairs(str(folder), pair="en-fr")
    assert {split: sum(1 for _ in dataset.read(split)) for split in dataset.splits} == {
        "train": 29_000,
        "validation": 1_014,
        "test": 1_000,
    }


def test_tfds_translation_sets_without_their_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="say from which to which with --pair"):
        open_tfds_pairs("ted_hrlr_translate/pt_to_en", "pt-de")
    with pytest.raises(UsageError, match="same language twice"):
        open_pairs("tfds:ted_hrlr_translate/pt_to_en", pair="pt-pt")
