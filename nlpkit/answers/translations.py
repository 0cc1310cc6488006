"""Texts in, translations out: as a stream, in one of the formats of rows."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from nlpkit.answers.rows import Format, one_line, open_rows
from nlpkit.data.tables import Row
from nlpkit.output import open_output
from nlpkit.tasks.translation.translator import Translation, Translator


@dataclass(frozen=True)
class Answer:
    """A text, the columns it came with, and its translations, the best first."""

    row: Row
    text: str
    found: list[Translation]


def answers(
    translator: Translator, texts: Iterator[tuple[Row, str]], beam: int, ranking: Mapping[str, float]
) -> Iterator[Answer]:
    """The translator's answer to each text, in order."""
    asked: deque[tuple[Row, str]] = deque()

    def stream() -> Iterator[str]:
        for row, text in texts:
            asked.append((row, text))
            yield text

    for found in translator.translate_stream(stream(), beam=beam, **ranking):
        yield Answer(*asked.popleft(), found)


@contextmanager
def open_writer(
    format: Format, output: Path | None, nbest: int, *, source: Path | None = None, keys: Sequence[str] = ()
) -> Iterator[Callable[[Answer], object]]:
    """A function that writes answers with their `nbest` translations, to `output`, else to standard output.

    `plain` is a line a text; of several translations, each has a line: the text's number from 1, log p, translation,
    with tabs between. The others are rows, as `open_rows` writes them, from the file `source`, whose rows have these
    `keys`. Where fewer translations were found, as of an
    empty text, the places of the others are empty. The output appears when all is written. Raises NlpkitError when it
    cannot be.
    """
    if format is Format.plain:
        numbers = count(1)
        with open_output(output) as file:
            yield lambda answer: file.writelines(_lines(next(numbers), answer, nbest))
    else:

        def empty() -> tuple[Row, Row]:
            return dict.fromkeys(keys or ["source"]), _flat(Answer({}, "", []), nbest)

        columns = _nested if format is Format.jsonl else _flat
        with open_rows(format, output, source, empty) as write:
            yield lambda answer: write(answer.row or {"source": answer.text}, columns(answer, nbest))


def _lines(number: int, answer: Answer, nbest: int) -> Iterator[str]:
    if nbest == 1:
        yield " ".join(answer.found[0].text.splitlines()) + "\n"
        return
    for one in _places(answer, nbest):
        yield f"{number}\t{one.log_probability:.4f}\t{one_line(one.text)}\n" if one else f"{number}\t\t\n"


def _nested(answer: Answer, nbest: int) -> Row:
    told = [
        {
            "text": one.text if one else None,
            "log_probability": round(one.log_probability, 4) if one else None,
            "cut": one.cut if one else None,
        }
        for one in _places(answer, nbest)
    ]
    return {_text_column(1): answer.found[0].text, "translations": told}


def _flat(answer: Answer, nbest: int) -> Row:
    added: Row = {}
    for rank, one in enumerate(_places(answer, nbest), 1):
        added[_text_column(rank)] = one.text if one else None
        if nbest > 1:
            added[f"log_probability{_place(rank)}"] = round(one.log_probability, 4) if one else None
    return added


def _text_column(rank: int) -> str:
    return f"translation{_place(rank)}"


def _place(rank: int) -> str:
    return f"_{rank}" if rank > 1 else ""


def _places(answer: Answer, nbest: int) -> list[Translation | None]:
    return [*answer.found, *[None] * nbest][:nbest]
