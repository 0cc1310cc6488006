"""Translations from ONNX sessions: the one path by which every sentence is translated."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.cores import on_all_cores
from nlpkit.data.batching import pad, sorted_batches
from nlpkit.decoding.beam import Hypothesis, Ranking, Step, beam_search
from nlpkit.runtime.session import Session
from nlpkit.tokenizer import BOS, EOS, PAD, UNK

_BATCH_TOKENS = 2_048  # of the source
_NEVER = [PAD, UNK, BOS]


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
) -> list[list[Hypothesis]]:
    """The best translations of each row of token ids that beam search of a `width` finds, in the order given.

    Several models with one vocabulary translate together, each next token by the mean of their probabilities. Rows
    are batched by length; each has at least one token. A translation is at most twice as long as its source, and
    ten tokens.
    """

    def search(batch: np.ndarray) -> list[list[Hypothesis]]:
        ids, lengths = pad([rows[i] for i in batch])
        readers = [_Reader(model, ids, lengths) for model in models]
        return beam_search(
            lambda places, parents, tokens: _together(readers, places, parents, tokens),
            len(batch),
            width=width,
            limits=2 * lengths + 10,
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


def forced_log_probabilities(
    model: TranslatorSessions, sources: Sequence[np.ndarray], targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the model says after each token of targets int [sources, steps], which begin with the one for a beginning,
    and where it looks: log-probabilities [sources, steps, vocabulary] and attention [sources, steps, source steps]."""
    reader = _Reader(model, *pad(sources))
    rows = np.arange(len(sources))
    answers = [reader.step(rows, rows, tokens) for tokens in targets.T]
    return np.stack([chances for chances, _ in answers], axis=1), np.stack([paid for _, paid in answers], axis=1)


def forced_nats(model: TranslatorSessions, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> np.ndarray:
    """-log p of each target, its end included, given its source, in nats: float64 [pairs], for rows of token ids."""
    nats = np.zeros(len(sources))
    lengths = [max(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]

    def read(batch: np.ndarray) -> None:
        reader = _Reader(model, *pad([sources[i] for i in batch]))
        given, counts = pad([np.concatenate([[BOS], targets[i]]) for i in batch])
        wanted, _ = pad([np.concatenate([targets[i], [EOS]]) for i in batch])
        rows = np.arange(len(batch))
        for step in range(given.shape[1]):
            chances, _ = reader.step(rows, rows, given[:, step])
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
    chances[:, _NEVER] = -np.inf
    return Step(chances, attention)


def pieces_of(text: str, length: int, limit: int) -> Iterator[str]:
    """A text of `length` tokens, in parts of like size that have no more than some `limit` tokens each, cut behind a
    sentence's end where there is one near, else between words."""
    words = text.split()
    parts = -(-length // limit)
    size = max(1, len(words) // parts)
    start = 0
    while start < len(words):
        end = min(len(words), start + size)
        if end < len(words):
            # the last sentence's end in the second half of the part
            ends = [i for i in range(start + size // 2, end) if words[i][-1] in ".!?…。！？"]
            end = ends[-1] + 1 if ends else end
        yield " ".join(words[start:end])
        start = end
