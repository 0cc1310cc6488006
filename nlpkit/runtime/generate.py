"""Reading with a generator: its ONNX session, counts beside it, the state that they carry, and the loss along a text."""

from dataclasses import dataclass

import numpy as np

from nlpkit.counts import WeightedCounts
from nlpkit.runtime.session import Session
from nlpkit.tokenizer import BOS, PAD

_READ = 1_024  # tokens of a prompt read at a time
_ROWS = 64  # a long text is scored in so many rows at most,
_ROW = 4_096  # each of so many tokens at least,
_WARM_UP = 1_024  # after reading on from so many tokens before its own
_LOGITS = 1 << 22  # held in memory at a time


@dataclass(frozen=True)
class State:
    """How far some rows were read: the session's state [states, rows, units], and the counts' contexts
    [rows, order]."""

    network: np.ndarray
    contexts: np.ndarray | None

    def take(self, rows: np.ndarray) -> "State":
        """The states of some of the rows, int64 [taken]."""
        contexts = None if self.contexts is None else self.contexts[rows]
        return State(np.ascontiguousarray(self.network[:, rows]), contexts)


@dataclass(frozen=True)
class LanguageModel:
    """What comes next, by a network's session and, where there are any, by counts: what all writing and judging asks.

    The two are mixed, p = (1 - w) p(network) + w p(counts).
    """

    session: Session
    counts: WeightedCounts | None = None

    def begin(self, rows: int) -> State:
        """Where nothing was read."""
        return State(zero_state(self.session, rows), None if self.counts is None else self.counts.ngrams.begin(rows))

    def read(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Scores [rows, vocabulary] for the token after ids [rows, steps], read on from a state; and the state then.

        Their softmax is the next token's distribution; without counts they are the network's logits.
        """
        logits, network = read(self.session, ids, state.network)
        if self.counts is None or state.contexts is None:
            return logits, State(network, None)
        contexts = state.contexts
        for tokens in ids.T:
            contexts = self.counts.ngrams.advance(contexts, tokens)
        highest = logits.max(-1, keepdims=True)
        powers = np.exp(logits - highest, dtype=np.float64)
        total = powers.sum(-1, keepdims=True)
        weight = self.counts.weight(self.counts.ngrams.matched(contexts))[:, None]
        mixed = (1 - weight) * powers + weight * total * self.counts.ngrams.distribution(contexts)
        return np.log(mixed) + highest, State(network, contexts)

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """The surprise of each token of a text given all before it, -log p in nats: float64 [tokens]."""
        nats = token_nats(self.session, ids)
        return nats if self.counts is None else self.counts.mixed(nats, ids)


def zero_state(session: Session, rows: int) -> np.ndarray:
    """The state at a beginning: float32 [states, rows, units]."""
    states, _, units = session.shape("state")
    return np.zeros((states, rows, units), np.float32)


def read(session: Session, ids: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits [rows, vocabulary] for the token after ids [rows, steps], read on from a state; and the state then."""
    for start in range(0, ids.shape[1], _READ):
        logits, state = session.run(ids[:, start : start + _READ].astype(np.int32), state)
    return logits[:, -1], state


def token_nats(session: Session, ids: np.ndarray) -> np.ndarray:
    """The surprise of each token given all before it, -log p in nats: float64 [tokens].

    A text is read from a beginning. A long one is cut into rows that are read side by side, each after the 1,024
    tokens before it, which is nearly the same as from the very beginning: an LSTM has forgotten more than that.
    """
    count = len(ids)
    rows = int(np.clip(count // _ROW, 1, _ROWS))
    length = -(-count // rows)
    # what is read to foretell token j is token j - 1; padding at the end of the last row is not counted
    given = np.concatenate([[BOS], ids[:-1], np.full(rows * length - count, PAD)]).astype(np.int32).reshape(rows, -1)
    wanted = np.concatenate([ids, np.full(rows * length - count, PAD)]).astype(np.int64).reshape(rows, -1)
    state = zero_state(session, rows)
    if rows > 1:
        before = given[:-1, -_WARM_UP:].copy()
        before[:, 0] = BOS
        _, state[:, 1:] = read(session, before, zero_state(session, rows - 1))
    steps = max(1, _LOGITS // (rows * session.shape("logits")[-1]))
    nats = np.empty((rows, length))
    for start in range(0, length, steps):
        part = slice(start, start + steps)
        logits, state = session.run(given[:, part], state)
        nats[:, part] = cross_entropy(logits, wanted[:, part])
    return nats.reshape(-1)[:count]


def cross_entropy(logits: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """-log softmax(logits)[wanted] in nats: logits [..., vocabulary] and ids [...] to float64 [...]."""
    highest = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(-1, dtype=np.float64))
    nats: np.ndarray = total - (np.take_along_axis(logits, wanted[..., None], -1) - highest)[..., 0]
    return nats
