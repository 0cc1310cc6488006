"""What a classifier starts from where nothing is said: the language model, if texts are few and like what it read."""

from itertools import cycle, islice
from pathlib import Path

import pytest

from nlpkit import TextClassifier, load, load_recipe
from nlpkit.data.dataset import Dataset, dataset_from_lists
from nlpkit.tasks.classification.default_start import default_start
from tests.conftest import Command, made_reviews, write_csv
from tests.test_cli import refused

REVIEWS = [
    "I went to see this film with my sister last week, and it was one of the best movies I have seen in years.",
    "The acting is terrible, the plot makes no sense at all, and the ending is the worst I have ever seen in a movie.",
    "A wonderful cast and a great script. If you like comedies, you will love this one, and so will your children.",
    "I wanted to like this movie, but it is so boring that I nearly fell asleep in the middle. Do not waste your time.",
    "This is a great little film that not many people have seen. The director really knows how to tell a story.",
    "The special effects are bad, the dialogue is bad, and the actors look as if they did not want to be there.",
]
NEWS = [
    "SHR CTS NET TWELVE VS NINE, QTLY DIV 14.5 CTS PAYABLE MAY 4, RECORD APRIL 13, 1987",
    "RT @nobody: #debate tonite 9pm ET http://t.co/x1 tune in!!",
    "Der Hund lief über die Straße, und niemand wusste, warum er es so eilig hatte.",
    "for i in range(len(rows)): total += rows[i].price * rows[i].count  # in euros",
]


def labelled(texts: list[str], count: int) -> Dataset[object]:
    labels = islice(cycle(["positive", "negative"]), count)
    return dataset_from_lists(list(islice(cycle(texts), count)), list(labels))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("texts", "count", "found"),
    [(REVIEWS, 6, "language"), (REVIEWS, 600, "language"), (REVIEWS, 601, None), (NEWS, 40, None)],
)
def test_few_texts_of_a_kind_that_it_has_read(texts: list[str], count: int, found: str | None) -> None:
    assert default_start(labelled(texts, count), load_recipe("sentiment")) == found  # type: ignore[arg-type]


def test_as_many_as_are_read_count() -> None:
    recipe = load_recipe("sentiment", ["data.limit=100"])
    assert default_start(labelled(REVIEWS, 10_000), recipe) == "language"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "start"),
    [
        ([], "auto"),
        (["model.ngrams=2", "training.seed=4", "tokenizer.max_length=50", "data.validation_fraction=0.3"], "auto"),
        (["model.units=64"], None),
        (["training.epochs=3"], None),
        (["tokenizer.vocab_size=500"], None),
        (["model.start_from=none"], None),
        (["model.start_from=models/mine", "training.epochs=3"], "models/mine"),
        (["model.start_from=auto", "training.seed=4"], "auto"),
        (["model.start_from=auto", "training.epochs=4"], "auto"),
        (["training.checkpoint_minutes=4"], "auto"),
    ],
)
def test_what_is_set_of_the_network_is_kept(settings: list[str], start: str | None) -> None:
    assert load_recipe("sentiment", settings).model.start_from == start


def test_a_classifier_of_few_reviews(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    texts, labels = REVIEWS * 6, ["positive", "negative"] * 18
    model = TextClassifier(yardstick=False).fit(texts, labels)
    assert model.metadata["start"]["from"] == "language"
    assert (model.recipe.model.units, model.recipe.model.bidirectional) == (512, False)
    assert "the model starts from it; --from none does not" in caplog.text
    assert model.predict(REVIEWS) == ["positive", "negative"] * 3
    model.save(tmp_path / "kept")
    assert load(tmp_path / "kept").recipe.model.start_from == "language"


def test_a_recipe_of_one_s_own_is_kept(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "recipes" / "sentiment.toml").read_text()
    copy = tmp_path / "mine.toml"
    copy.write_text(text)
    assert load_recipe(copy).model.start_from == "auto"
    copy.write_text(text.replace("units = 128 ", "units = 32 "))
    assert (load_recipe(copy).model.start_from, load_recipe(copy).model.units) == (None, 32)
    copy.write_text(text.replace("# epochs = 6", "epochs = 2"))
    assert load_recipe(copy).model.start_from is None
    assert load_recipe(copy, ["model.start_from=auto"]).model.start_from == "auto"


def test_a_folder_of_that_name_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "language").mkdir()
    monkeypatch.chdir(tmp_path)
    model = TextClassifier(yardstick=False).fit(REVIEWS * 6, ["positive", "negative"] * 18)
    assert model.metadata["start"]["from"] == "language"


def test_what_was_planned_or_failed_settles_nothing(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "reviews.csv", [*zip(REVIEWS * 6, ["positive", "negative"] * 18, strict=True)])
    model = TextClassifier(source=str(data), yardstick=False)
    assert model.plan().epochs == 1
    texts, labels = zip(*made_reviews(40), strict=True)
    model.fit(texts, labels)
    assert (model.recipe.model.start_from, model.recipe.model.units) == (None, 128)
    assert model.recipe.data.source == "texts in memory"


def test_each_data_is_settled_for_itself() -> None:
    model = TextClassifier(yardstick=False).fit(REVIEWS * 6, ["positive", "negative"] * 18)
    assert model.recipe.model.start_from == "language"
    rows = made_reviews(60)
    model.fit([text for text, _ in rows], [label for _, label in rows])
    assert model.recipe.model.start_from is None
    assert model.recipe.model.units == 128


def test_the_command_line_says_what_it_starts_from(nlpkit: Command, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "mine.csv", [*zip(REVIEWS * 6, ["positive", "negative"] * 18, strict=True)])
    typed = ["train", "sentiment", "--data", data, "--set", "training.yardstick=false"]
    done = nlpkit(*typed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "starts from it; --from none does not" in done.stderr
    told = " ".join(nlpkit("info", "models/sentiment-mine", cwd=tmp_path).stdout.split())
    assert "starts from language, a model of generation, which stays as it was" in told
    done = nlpkit(*typed, "--from", "none", "--set", "training.epochs=1", "-o", "bare", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "language" not in done.stderr
    assert load(tmp_path / "bare").recipe.model.start_from is None


def test_a_taken_folder_is_told_before_what_the_model_starts_from(nlpkit: Command, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "mine.csv", [*zip(REVIEWS * 6, ["positive", "negative"] * 18, strict=True)])
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("mine")
    done = nlpkit("train", "sentiment", "--data", data, "-o", "notes", cwd=tmp_path)
    refused(done, 2, "notes holds other files")
    assert len(done.stderr.splitlines()) == 1
