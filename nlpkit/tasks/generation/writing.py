"""Writing on from a prompt: token by token, in text that can be shown while it grows."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.errors import BundleError
from nlpkit.runtime.beam import Step, beam_search
from nlpkit.tasks.generation.language import LanguageModel, State
from nlpkit.tasks.generation.sampling import Sampling, draw, probabilities
from nlpkit.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

RECENT = 64  # tokens that the repetition penalty looks back on


class Writer:
    """A model that writes on from what it has read, and what it may write."""

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer, *, ends: bool = False, rare: str = "") -> None:
        """ends: whether the model may end the document; rare: of the characters that are spelt in bytes those that may
        be written. Raises BundleError for a tokenizer that has nothing to write with."""
        self.model, self.spellings, self.ends = model, tokenizer.spellings(), [EOS] if ends else []
        self._tokenizer = tokenizer
        self.possible = _Possible(tokenizer, rare, ends)

    def tokens(self, prompt: str) -> list[int]:
        """What is to be read before anything is written."""
        return [BOS, *self._tokenizer.encode([prompt])[0]]

    def step(self, drafts: "Drafts") -> list[str]:
        """Reads the last token of each text and draws one that follows; what may be shown of each text now."""
        scores, drafts.state = self.model.read(drafts.recent[:, -1:], drafts.state)
        self.possible.keep(scores, drafts.begun)
        chances = probabilities(scores, drafts.options, drafts.recent)
        tokens = draw(chances, np.array([random.random() for random in drafts.random]))
        drafts.begun = self.possible.follow(drafts.begun, tokens)
        drafts.recent = np.concatenate([drafts.recent, tokens[:, None]], axis=1)[:, -RECENT:]
        return [
            text.finish() if token == EOS else text.add(self.spellings[token])
            for text, token in zip(drafts.texts, tokens.tolist(), strict=True)
        ]


@dataclass
class Drafts:
    """Texts that are being written side by side, drawn alike.

    recent: the last tokens of each, of which the very last is to be read next, int [texts, n]; state: the model's
    before that; begun: the bytes of a character that is not whole yet; random: where the draws come from; texts: what
    is shown.
    """

    options: Sampling
    recent: np.ndarray
    state: State
    begun: list[bytes]
    random: list[np.random.Generator]
    texts: list["_Growing"]

    @property
    def done(self) -> bool:
        return all(text.done for text in self.texts)


def draft(
    tokens: Sequence[int], state: State, options: Sampling, *, length: int, stop: Sequence[str], seed: Sequence[int]
) -> Drafts:
    """A text to be written after tokens, of which all but the last were read: the state then. It is done after `length`
    characters, before the first of the `stop` strings, or when the model ends it. The same seed gives the same text."""
    recent = np.array([tokens[-RECENT:]])
    return Drafts(options, recent, state, [b""], [np.random.default_rng(seed)], [_Growing(length, stop)])


def join(drafts: Sequence[Drafts]) -> Drafts:
    """Texts side by side, which are to be drawn alike."""
    if len(drafts) == 1:
        return drafts[0]
    longest = max(one.recent.shape[1] for one in drafts)
    # a token that stands there twice is penalized once
    recent = [np.pad(one.recent, ((0, 0), (longest - one.recent.shape[1], 0)), "edge") for one in drafts]
    return Drafts(
        drafts[0].options,
        np.concatenate(recent),
        State.join([one.state for one in drafts]),
        [begun for one in drafts for begun in one.begun],
        [random for one in drafts for random in one.random],
        [text for one in drafts for text in one.texts],
    )


def split(drafts: Drafts) -> list[Drafts]:
    """Each text by itself again."""
    if len(drafts.texts) == 1:
        return [drafts]
    return [
        Drafts(
            drafts.options,
            drafts.recent[[row]],
            drafts.state.take(np.array([row])),
            [drafts.begun[row]],
            [drafts.random[row]],
            [drafts.texts[row]],
        )
        for row in range(len(drafts.texts))
    ]


def write(
    writer: Writer, prompt: str, options: Sampling, *, length: int, stop: Sequence[str], seed: int, samples: int
) -> Iterator[list[str]]:
    """What follows the prompt, as it is written: at each step what it adds to each of the `samples`, which end as those
    of `draft` do. The same seed gives the same text, sample by sample, however many there are."""
    tokens = writer.tokens(prompt)
    state = writer.model.after(tokens[:-1], writer.model.begin(1))
    seeds = [[seed, sample] for sample in range(samples)]
    drafts = join([draft(tokens, state, options, length=length, stop=stop, seed=one) for one in seeds])
    while not drafts.done:
        yield writer.step(drafts)


def write_likeliest(writer: Writer, prompt: str, *, width: int, length: int, stop: Sequence[str]) -> str:
    """The likeliest text after the prompt that beam search of a `width` finds: `length` tokens, or characters if
    fewer, up to the first of the `stop` strings."""
    *before, last = writer.tokens(prompt)
    state, begun = writer.model.after(before, writer.model.begin(1)), [b""]

    def step(_: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
        nonlocal state, begun
        rows = parents.reshape(-1)
        scores, state = writer.model.read(tokens.reshape(-1, 1), state.take(rows))
        begun = writer.possible.follow([begun[row] for row in rows], tokens.reshape(-1))
        writer.possible.keep(scores, begun)
        shifted = scores - scores.max(-1, keepdims=True)
        return Step(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))

    found = beam_search(step, 1, width=width, limits=np.array([length]), begin=last, ends=writer.ends)
    text = _Growing(length, stop)
    return "".join(text.add(writer.spellings[token]) for token in found[0][0].ids) + text.finish()


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
