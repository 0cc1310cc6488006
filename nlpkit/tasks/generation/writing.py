"""Writing on from a prompt: token by token, in text that can be shown while it grows."""

import codecs
from collections.abc import Iterator, Sequence

import numpy as np

from nlpkit.errors import BundleError
from nlpkit.runtime.beam import Step, beam_search
from nlpkit.tasks.generation.language import LanguageModel
from nlpkit.tasks.generation.sampling import Sampling, draw, probabilities
from nlpkit.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

RECENT = 64  # tokens that the repetition penalty looks back on


def write(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    options: Sampling,
    *,
    length: int,
    stop: Sequence[str] = (),
    seed: int = 0,
    samples: int = 1,
    ends: bool = False,
    rare: str = "",
) -> Iterator[list[str]]:
    """What follows the prompt, as it is written: at each step what it adds to each of the `samples`.

    A sample is done after `length` characters, before the first of the `stop` strings, or, where `ends`, when the
    model ends the document. Of the characters that are spelt in bytes those that are `rare` may be written, and no
    others. The same seed gives the same text, sample by sample, however many there are.
    """
    ids = np.array([[BOS, *tokenizer.encode([prompt])[0]]], np.int32)
    scores, state = model.read(ids, model.begin(1))
    scores, state = np.repeat(scores, samples, 0), state.take(np.zeros(samples, np.int64))
    recent = np.repeat(ids[:, -RECENT:], samples, 0)
    spellings, possible = tokenizer.spellings(), _Possible(tokenizer, rare, ends)
    begun = [b""] * samples
    streams = [np.random.default_rng([seed, sample]) for sample in range(samples)]
    texts = [_Growing(length, stop) for _ in range(samples)]
    while True:
        possible.keep(scores, begun)
        chances = probabilities(scores, options, recent)
        tokens = draw(chances, np.array([stream.random() for stream in streams]))
        yield [
            text.finish() if token == EOS else text.add(spellings[token])
            for text, token in zip(texts, tokens.tolist(), strict=True)
        ]
        if all(text.done for text in texts):
            return
        begun = possible.follow(begun, tokens)
        if options.repetition_penalty != 1:
            recent = np.concatenate([recent, tokens[:, None]], axis=1)[:, -RECENT:]
        scores, state = model.read(tokens[:, None], state)


def write_likeliest(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    width: int,
    length: int,
    stop: Sequence[str] = (),
    ends: bool = False,
    rare: str = "",
) -> str:
    """The likeliest text after the prompt that beam search of a `width` finds: `length` tokens, or characters if
    fewer, up to the first of the `stop` strings."""
    *before, last = [BOS, *tokenizer.encode([prompt])[0]]
    state, possible, begun = model.begin(1), _Possible(tokenizer, rare, ends), [b""]
    if before:
        _, state = model.read(np.array([before]), state)

    def step(_: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
        nonlocal state, begun
        rows = parents.reshape(-1)
        scores, state = model.read(tokens.reshape(-1, 1), state.take(rows))
        begun = possible.follow([begun[row] for row in rows], tokens.reshape(-1))
        possible.keep(scores, begun)
        shifted = scores - scores.max(-1, keepdims=True)
        return Step(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))

    found = beam_search(step, 1, width=width, limits=np.array([length]), begin=last, ends=[EOS] if ends else [])
    best = found[0][0]
    spellings, text = tokenizer.spellings(), _Growing(length, stop)
    return "".join(text.add(spellings[token]) for token in best.ids) + text.finish()


class _Possible:
    """Which tokens may be written next: those that spell pieces, or, byte by byte, one of some rare characters."""

    def __init__(self, tokenizer: Tokenizer, rare: str, ends: bool) -> None:
        """Raises BundleError for a tokenizer that has nothing to write with."""
        self._bytes = tokenizer.byte_pieces()
        self._spelt = {token: byte for byte, token in self._bytes.items()}
        self._next: dict[bytes, set[int]] = {b"": set()}  # what goes on from the bytes of a character that is begun
        for encoded in map(str.encode, rare):
            for place, byte in enumerate(encoded):
                self._next.setdefault(encoded[:place], set()).add(byte)
        never = [PAD, UNK, BOS, *([] if ends else [EOS]), *self._spelt]
        self._impossible = {b"": np.isin(np.arange(len(tokenizer)), never)}
        for begun, following in self._next.items():
            impossible = self._impossible[b""].copy() if not begun else np.ones(len(tokenizer), bool)
            impossible[[self._bytes[byte] for byte in following if byte in self._bytes]] = False
            self._impossible[begun] = impossible
        if any(impossible.all() for impossible in self._impossible.values()):
            raise BundleError("the tokenizer has no pieces to write with; copy or train the model again")

    def keep(self, scores: np.ndarray, begun: Sequence[bytes]) -> None:
        """Leaves no chance to other tokens: scores [rows, vocabulary], and the bytes of a character that each row has
        begun."""
        for row, before in enumerate(begun):
            scores[row, self._impossible[before]] = -np.inf

    def follow(self, begun: Sequence[bytes], tokens: np.ndarray) -> list[bytes]:
        """What is begun after a further token in each row."""
        after = [
            before + bytes([self._spelt[token]]) if token in self._spelt else b""
            for before, token in zip(begun, tokens.tolist(), strict=True)
        ]
        return [one if one in self._next else b"" for one in after]  # else it is a whole character


class _Growing:
    """One text as it grows: bytes in, characters out as soon as no stop string can begin in them."""

    def __init__(self, length: int, stop: Sequence[str]) -> None:
        self.left, self.stop = length, stop
        self.done = False
        self._held = ""
        self._hold = max((len(word) - 1 for word in stop), default=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, spelling: bytes) -> str:
        """What may be shown now that a token has been written."""
        if self.done:
            return ""
        self._held += self._decoder.decode(spelling)
        found = [at for at in (self._held.find(word) for word in self.stop) if at >= 0]
        if found:
            self._held = self._held[: min(found)]
            return self.finish()
        if len(self._held) >= self.left:
            return self.finish()
        safe = max(0, len(self._held) - self._hold)
        shown, self._held = self._held[:safe], self._held[safe:]
        self.left -= len(shown)
        return shown

    def finish(self) -> str:
        """What was held back; nothing more comes."""
        if self.done:
            return ""
        self.done = True
        return self._held[: self.left]
