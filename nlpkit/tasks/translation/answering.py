"""Translations from ONNX sessions: the one path by which every sentence is translated."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.cores import on_all_cores
from nlpkit.data.batching import pad, sorted_batches
from nlpkit.runtime.beam import Hypothesis, Ranking, Step, beam_search
from nlpkit.runtime.session import Session
from nlpkit.tasks.translation.pairs import SHORT
from nlpkit.tokenizer import BOS, EOS, PAD, UNK

ENCODER = "encoder.onnx"  # its file in a bundle, beside the decoder's
_BATCH_TOKENS = 2_048  # of the source
_NEVER = [PAD, UNK, BOS]
_SPACES = re.compile(r"\s+")
_SENTENCE_ENDS = re.compile(r"[.!?…؟।][\"'”’»)\]]*\s+|[。！？][」』”’）]*\s*|\n\s*")
_JOINER = "\N{ZERO WIDTH JOINER}"
_LONGEST_CHARACTER = 16


@dataclass(frozen=True)
class TranslatorSessions:
    """The two halves of a translator: the encoder, and one step of the decoder."""

    encoder: Session
    decoder: Session


def translate_rows(
    models: Sequence[TranslatorSessions],
    rows: Sequence[np.ndarray],
    *,
    width: int,
    ranking: Ranking = Ranking(),
    max_length: int = 0,
    max_ratio: float = 1.0,
) -> list[list[Hypothesis]]:
    """The best translations of each row of token ids that beam search of a `width` finds, in the order given.

    Several models with one vocabulary translate together, each next token by the mean of their probabilities. Rows
    are batched by length; each has at least one token. A translation is as long as `longest_targets` of the models'
    `max_length` and `max_ratio` at most, and cut there.
    """

    def search(batch: np.ndarray) -> list[list[Hypothesis]]:
        ids, lengths = pad([rows[i] for i in batch])
        readers = [_Reader(model, ids, lengths) for model in models]

        def step(places: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
            answer = _together(readers, places, parents, tokens)
            answer.log_probabilities[:, _NEVER] = -np.inf
            return answer

        return beam_search(
            step,
            len(batch),
            width=width,
            limits=longest_targets(lengths, max_length, max_ratio),
            begin=BOS,
            ends=[EOS],
            ranking=ranking,
            lengths=lengths,
        )

    batches = sorted_batches([len(row) for row in rows], _BATCH_TOKENS)[::-1]  # the longest first
    found: list[list[Hypothesis]] = [[] for _ in rows]
    for batch, answers in zip(batches, on_all_cores(search, batches), strict=True):
        for i, answer in zip(batch, answers, strict=True):
            found[i] = answer
    return found


def longest_targets(lengths: np.ndarray, max_length: int, max_ratio: float) -> np.ndarray:
    """How many tokens a translation of sources of such lengths may have, its end included: int64 [sources].

    As many as the longest target that training on pairs of at most `max_length` tokens, whose lengths differ by
    `max_ratio` at most, lets in beside such a source; and always twice as many as the source, and ten.
    """
    let_in = np.minimum(max_length, max_ratio * (lengths + SHORT) - SHORT).astype(np.int64) + 1
    limits: np.ndarray = np.maximum(let_in, 2 * lengths + 10)
    return limits


def forced_log_probabilities(
    model: TranslatorSessions, sources: Sequence[np.ndarray], targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the model says after each token of targets int [sources, steps], which begin with the one for a beginning,
    and where it looks: log-probabilities [sources, steps, vocabulary] and attention [sources, steps, source steps]."""
    reader = _Reader(model, *pad(sources))
    rows = np.arange(len(sources))
    answers = [reader.step(rows, rows, tokens) for tokens in targets.T]
    return np.stack([chances for chances, _ in answers], axis=1), np.stack([paid for _, paid in answers], axis=1)


def forced_nats(
    models: Sequence[TranslatorSessions], sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> np.ndarray:
    """-log p of each target, its end included, given its source, in nats: float64 [pairs], for rows of token ids, by
    the mean of the models' probabilities."""
    nats = np.zeros(len(sources))
    lengths = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]

    def read(batch: np.ndarray) -> None:
        readers = [_Reader(model, *pad([sources[i] for i in batch])) for model in models]
        given, counts = pad([np.concatenate([[BOS], targets[i]]) for i in batch])
        wanted, _ = pad([np.concatenate([targets[i], [EOS]]) for i in batch])
        rows = np.arange(len(batch))
        for step in range(given.shape[1]):
            chances = _together(readers, rows, rows, given[:, step]).log_probabilities
            nats[batch] -= np.where(step < counts, chances[rows, wanted[:, step]], 0)

    on_all_cores(read, sorted_batches(lengths, _BATCH_TOKENS)[::-1])
    return nats


class _Reader:
    """One model over a batch of sources, and where each of its rows stands."""

    def __init__(self, model: TranslatorSessions, ids: np.ndarray, lengths: np.ndarray) -> None:
        self.decoder = model.decoder
        self.memory, self.keys, self.state = model.encoder.run(ids, lengths)
        self.lengths = lengths
        self.fed = np.zeros((len(ids), self.decoder.shape("fed")[1]), np.float32)

    def step(self, places: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log-probabilities [rows, vocabulary] and attention [rows, source steps]; arguments as in `beam_search`."""
        if len(places) < len(self.lengths):
            self.memory, self.keys, self.lengths = self.memory[places], self.keys[places], self.lengths[places]
        state, fed = np.ascontiguousarray(self.state[:, parents]), self.fed[parents]
        answer = self.decoder.run(tokens.astype(np.int32), state, fed, self.memory, self.keys, self.lengths)
        chances, self.state, self.fed, attention = answer
        return chances, attention


def _together(readers: Sequence[_Reader], places: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
    answers = [reader.step(places, parents.reshape(-1), tokens.reshape(-1)) for reader in readers]
    chances, attention = answers[0]
    if len(answers) > 1:
        chances = np.logaddexp.reduce([one for one, _ in answers]) - np.float32(np.log(len(answers)))
        attention = np.mean([one for _, one in answers], axis=0)
    return Step(chances, attention)


def pieces_of(text: str, count: Callable[[str], int], limit: int) -> list[str]:
    """A text in pieces of like size that have at most `limit` tokens each, as `count` finds them without the spaces
    around; put together again they are the text.

    They end behind a sentence and the spaces that follow it where there is one near, else behind a word, else, in a
    long stretch without a space, between two characters. A single character is a piece, however many its tokens.
    """
    length = count(text.strip())
    if length <= limit or len(text.strip()) < 2:
        return [text]
    parts = -(-length // limit)
    at = _cut(text, len(text) * (parts // 2) // parts, len(text) // (2 * parts))
    return pieces_of(text[:at], count, limit) + pieces_of(text[at:], count, limit)


def spaces_behind(pieces: Sequence[str]) -> list[str]:
    """The spaces that stand between each piece of a text and the next; none behind the last."""
    behind = [piece[len(piece.rstrip()) :] for piece in pieces]
    before = [piece[: len(piece) - len(piece.lstrip())] for piece in pieces]
    return [left + right for left, right in zip(behind, before[1:], strict=False)] + [""]


def _cut(text: str, wanted: int, reach: int) -> int:
    """Where to cut a text in two, neither of spaces alone: no farther than `reach` from where it is wanted."""
    first, last = len(text) - len(text.lstrip()) + 1, len(text.rstrip()) - 1
    for ends in (_SENTENCE_ENDS, _SPACES):
        found = [match.end() for match in ends.finditer(text, max(0, wanted - reach), wanted + reach)]
        if found := [at for at in found if first <= at <= last]:
            return min(found, key=lambda at: abs(at - wanted))
    at = min(max(wanted, first), last)
    # what is drawn as one character stays together, unless it has no end
    together = (end for end in range(at, min(last + 1, at + _LONGEST_CHARACTER)) if not _continues(text, end))
    return next(together, at)


def _continues(text: str, at: int) -> bool:
    """Whether the character at a place is drawn together with the one before it: an accent, a vowel's sign, or a part
    of a joined emoji."""
    return unicodedata.category(text[at])[0] == "M" or _JOINER in text[at - 1 : at + 1]
