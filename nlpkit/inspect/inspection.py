"""What `inspect` finds of one text: arrays with named axes, and what people read of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nlpkit.inspect.cells import Steps
from nlpkit.inspect.stack import Run
from nlpkit.tokenizer import Tokenizer

_BEST = 5  # tokens told of what is expected


@dataclass(frozen=True)
class ReadText:
    """A text as a model read it: its tokens, how they are written, and of which word each of them is a part."""

    ids: np.ndarray
    tokens: list[str]
    words: np.ndarray

    @property
    def written(self) -> list[str]:
        """Each word as it is written."""
        found = [""] * (int(self.words[-1]) + 1 if len(self.words) else 0)
        for token, word in zip(self.tokens, self.words.tolist(), strict=True):
            found[word] += token
        return found

    def by_word(self, values: np.ndarray) -> np.ndarray:
        """The sums over each word's tokens of values [tokens, …]."""
        sums = np.zeros((len(self.written), *values.shape[1:]), values.dtype)
        np.add.at(sums, self.words, values)
        return sums


@dataclass(frozen=True)
class Trace:
    """What one direction of one layer did over a text: float32 [tokens, units] each; of a classifier's last layer, too,
    what each unit is `worth` to the answer's score, float32 [units]."""

    layer: int
    direction: str
    steps: Steps
    worth: np.ndarray | None = None

    @property
    def name(self) -> str:
        return f"layer {self.layer} {self.direction}"

    def arrays(self) -> dict[str, np.ndarray]:
        """The gates, the candidate, the memory, where the cell has one apart, and the hidden state, by name."""
        memory = {} if self.steps.memory is None else {"memory": self.steps.memory}
        return {**self.steps.gates, **memory, "hidden": self.steps.hidden}

    def kept(self) -> np.ndarray | None:
        """The share of the memory that stays at each step [tokens, units]; None for a cell without a gate for that."""
        return self.steps.gates.get("forget", self.steps.gates.get("update"))

    def half_lives(self) -> np.ndarray | None:
        """How long each unit remembers, in tokens: float64 [units]; None for a cell without a gate that keeps."""
        kept = self.kept()
        return None if kept is None else half_lives(kept.mean(0, dtype=np.float64))


@dataclass(frozen=True)
class Part:
    """A text that a model read, or wrote, and what went on meanwhile.

    traces: its layers, from below; after: what the model would answer after each token, the best first, with their
    probabilities; weights: what each token adds to the answer, float64 [tokens]; left_out: by how much the answer's
    score is lower without each word, float64 [words]; gradient: how much each token's vector moves the answer, the norm
    of the gradient, float32 [tokens]; surprise: -log p of each token in nats, float64 [tokens]; influence: the norm of
    the gradient of each token's log p in the vectors of those before it, float32 [tokens, tokens].
    """

    name: str
    text: ReadText
    traces: list[Trace]
    after: list[list[tuple[str, float]]] = field(default_factory=list)
    weights: np.ndarray | None = None
    left_out: np.ndarray | None = None
    gradient: np.ndarray | None = None
    surprise: np.ndarray | None = None
    influence: np.ndarray | None = None

    def arrays(self) -> Iterator[tuple[str, tuple[str, ...], np.ndarray]]:
        """Everything that it holds in numbers: a name, the names of the axes, and the array."""
        yield "ids", ("tokens",), self.text.ids
        yield "words", ("tokens",), self.text.words
        for trace in self.traces:
            for name, array in trace.arrays().items():
                yield f"{trace.name}.{name}", ("tokens", "units"), array
        axes = {"weights": "tokens", "left_out": "words", "gradient": "tokens", "surprise": "tokens"}
        for name, axis in axes.items():
            if (array := getattr(self, name)) is not None:
                yield name, (axis,), array
        if self.influence is not None:
            yield "influence", ("tokens", "earlier tokens"), self.influence


@dataclass(frozen=True, repr=False)
class Inspection:
    """What a model did with a text: of each of its parts what went on inside.

    answers: what it answers, the best first, with probabilities where there is a choice; figures: of the whole, by
    name; about: what the weights speak for; cut: how many tokens of a long text were not read; alignment: where a
    translator looked, float32 [target tokens, source tokens]; lost: by how much log p of each target token falls
    without each source word, float64 [target tokens, source words].
    """

    task: str
    parts: list[Part]
    answers: Sequence[tuple[str, float | None]]
    figures: dict[str, float] = field(default_factory=dict)
    about: str = ""
    cut: int = 0
    alignment: np.ndarray | None = None
    lost: np.ndarray | None = None

    def __repr__(self) -> str:
        read = ", ".join(f"{part.name} of {len(part.text.tokens)} tokens" for part in self.parts)
        return f"Inspection({self.task}: {read}; {len(self.arrays())} arrays; answers {list(self.answers)[:3]})"

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by name, such as `text.layer 1 forward.forget` [tokens, units]."""
        found = {f"{part.name}.{name}": array for part in self.parts for name, _, array in part.arrays()}
        if self.alignment is not None:
            found["alignment"] = self.alignment
        if self.lost is not None:
            found["lost"] = self.lost
        return found

    def axes(self) -> dict[str, tuple[str, ...]]:
        """The names of each array's axes."""
        found = {f"{part.name}.{name}": axes for part in self.parts for name, axes, _ in part.arrays()}
        return found | {"alignment": ("target tokens", "source tokens"), "lost": ("target tokens", "source words")}

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        axes = self.axes()
        return {
            "task": self.task,
            "answers": [{"answer": answer, "probability": chance} for answer, chance in self.answers],
            "about": self.about,
            "figures": self.figures,
            "cut": self.cut,
            "texts": {
                part.name: {
                    "tokens": part.text.tokens,
                    "words": part.text.written,
                    "after": [[{"answer": one, "probability": p} for one, p in answers] for answers in part.after],
                }
                for part in self.parts
            },
            "arrays": {
                name: {"axes": list(axes[name]), "values": np.round(array.astype(np.float64), 6).tolist()}
                for name, array in self.arrays().items()
            },
        }

    def _repr_html_(self) -> str:
        """The page, in a frame of a notebook."""
        from html import escape

        from nlpkit.inspect.page import page

        return f'<iframe srcdoc="{escape(page([self]))}" style="width:100%;height:640px;border:0"></iframe>'


def half_lives(kept: np.ndarray) -> np.ndarray:
    """In how many tokens a memory halves of which a share is kept at each: ln 0.5 / ln share."""
    found: np.ndarray = np.log(0.5) / np.log(np.clip(kept, 1e-6, 1 - 1e-6))
    return found


def traces_of(run: Run, row: int) -> list[Trace]:
    """What each layer and direction of a stack did over a row."""
    directions = ("forward", "backward")
    return [
        Trace(number, direction, steps.row(row))
        for number, found in enumerate(run.done, 1)
        for direction, steps in zip(directions, found, strict=False)
    ]


def read_text(tokenizer: Tokenizer, ids: Sequence[int] | np.ndarray) -> ReadText:
    """Token ids as people read them: words are runs of letters and digits with the space before them, or of other
    marks."""
    spellings = tokenizer.spellings()
    tokens, begun = [], b""
    for number, i in enumerate(ids):
        begun += spellings[int(i)]
        try:
            token, begun = begun.decode(), b""
        except UnicodeDecodeError:  # a byte of a character whose others follow
            last = number == len(ids) - 1
            token, begun = (begun.decode(errors="replace"), b"") if last or len(begun) > 3 else ("", begun)
        tokens.append(token)
    words, word, before = [], -1, ""
    for token in tokens:
        if token and (not before or _begins_word(before, token)):
            word += 1
        before = token or before
        words.append(max(word, 0))
    return ReadText(np.asarray(ids, np.int32), tokens, np.array(words, np.int64))


def expected(tokenizer: Tokenizer, scores: np.ndarray) -> list[list[tuple[str, float]]]:
    """The likeliest next tokens, as they are written, with their probabilities, by scores [tokens, vocabulary] whose
    softmax these are."""
    spellings = tokenizer.spellings()
    chances = np.exp(scores - scores.max(1, keepdims=True))
    chances /= chances.sum(1, keepdims=True)
    best = np.argsort(-chances, axis=1, kind="stable")[:, :_BEST]
    return [
        [(spellings[i].decode(errors="replace") or "end", float(row[i])) for i in places]
        for row, places in zip(chances, best.tolist(), strict=True)
    ]


def _begins_word(before: str, token: str) -> bool:
    return token[0].isspace() or before[-1].isspace() or _of_word(before[-1]) != _of_word(token[0])


def _of_word(character: str) -> bool:
    return character.isalnum() or character in "'’_-"
