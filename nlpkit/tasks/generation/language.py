"""Reading with a generator: its session and the counts beside it, the state they carry, and the loss along a text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nlpkit.runtime.session import Session
from nlpkit.tasks.generation.counts import FEATURES, NgramModel, WeightedCounts, weigh
from nlpkit.tokenizer import BOS, PAD

_READ = 1_024  # tokens of a prompt read at a time
_ROWS = 64  # a long text is scored in so many rows at most,
_ROW = 4_096  # each of so many tokens at least,
_WARM_UP = 1_024  # after reading on from so many tokens before its own
_LOGITS = 1 << 22  # held in memory at a time
_WEIGHED = 1 << 22  # and so many to find the counts' weights by


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

    @staticmethod
    def join(states: Sequence["State"]) -> "State":
        """The states of some rows and of others, of one model."""
        contexts = [one.contexts for one in states if one.contexts is not None]
        network = np.concatenate([one.network for one in states], axis=1)
        return State(network, np.concatenate(contexts) if contexts else None)


@dataclass(frozen=True)
class LanguageModel:
    """What comes next, by a network's session and, where there are any, by counts: what all writing and judging asks.

    Scores are such that their softmax is the next token's distribution; without counts they are the network's logits.
    """

    session: Session
    counts: WeightedCounts | None = None

    def begin(self, rows: int) -> State:
        """Where nothing was read."""
        return State(zero_state(self.session, rows), None if self.counts is None else self.counts.ngrams.begin(rows))

    def after(self, ids: Sequence[int], state: State) -> State:
        """The state after one row has read on; the same where there is nothing to read."""
        return self.read(np.array([ids]), state)[1] if len(ids) else state

    def read(self, ids: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """Scores [rows, vocabulary] for the token after ids [rows, steps], read on from a state; and the state then."""
        logits, network = read(self.session, ids, state.network)
        if self.counts is None or state.contexts is None:
            return logits, State(network, None)
        contexts, ngrams = state.contexts, self.counts.ngrams
        for tokens in ids[:, -ngrams.order :].T:  # what is before is forgotten
            contexts = ngrams.advance(contexts, tokens)
        return self.counts.scores(logits, contexts), State(network, contexts)

    def along(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The network's logits, and the scores, [tokens, vocabulary] each, for the token after each of a text that is
        short enough to hold them, read from a beginning."""
        state = self.begin(1)
        logits = self.session.run(ids[None], state.network)[0][0]
        if self.counts is None or state.contexts is None:
            return logits, logits
        return logits, self.counts.scores(logits, self.counts.ngrams.along(ids[None], state.contexts)[0])

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """The surprise of each token of a text given all before it, -log p in nats: float64 [tokens]; none of a first
        one that is a document's beginning, from which all is read."""
        if len(ids) > 1 and ids[0] == BOS:
            return np.concatenate([[0.0], self.nats(ids[1:])])
        nats = np.empty(len(ids))
        for places, logits, contexts in self._along(ids):
            scores = logits if self.counts is None or contexts is None else self.counts.scores(logits, contexts)
            nats[places] = cross_entropy(scores, ids[places].astype(np.int64))
        return nats

    def weighed(self, ngrams: NgramModel, ids: np.ndarray) -> WeightedCounts:
        """Counts with the weights that predict a text best beside the network; one that neither was fitted on."""
        every = -(-len(ids) * ngrams.vocabulary // _WEIGHED)
        beside = LanguageModel(self.session, WeightedCounts(ngrams, np.zeros((2, FEATURES))))
        found = []
        for places, logits, contexts in beside._along(ids):
            taken = places % every == 0
            found.append((logits[taken], contexts[taken], ids[places[taken]].astype(np.int64)))
        network, contexts, wanted = map(np.concatenate, zip(*found, strict=True))
        counts = np.log(ngrams.distribution(contexts)).astype(np.float32)
        return WeightedCounts(ngrams, weigh(network, counts, ngrams.confidence[contexts.max(-1)], wanted))

    def _along(self, ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """A text read from a beginning, some of its places [places] at a time: the network's logits for the token there
        [places, vocabulary], and the counts' contexts before it [places, order], an order of 0 where there are none.

        A long text is cut into rows that are read side by side, each after the 1,024 tokens before it, which is nearly
        the same as from the very beginning: an LSTM has forgotten more than that.
        """
        count = len(ids)
        rows = int(np.clip(count // _ROW, 1, _ROWS))
        length = -(-count // rows)
        # what is read to predict token j is token j - 1; padding at the end of the last row is not counted
        given = (
            np.concatenate([[BOS], ids[:-1], np.full(rows * length - count, PAD)]).astype(np.int32).reshape(rows, -1)
        )
        places = np.arange(rows * length).reshape(rows, -1)
        state = self.begin(rows)
        network, contexts = state.network, state.contexts
        if rows > 1:
            before = given[:-1, -_WARM_UP:].copy()
            before[:, 0] = BOS
            _, warm = self.read(before, state.take(np.arange(1, rows)))
            network[:, 1:] = warm.network
            if contexts is not None:
                contexts[1:] = warm.contexts
        steps = max(1, _LOGITS // (rows * self.session.shape("logits")[-1]))
        for start in range(0, length, steps):
            part = slice(start, start + steps)
            logits, network = self.session.run(given[:, part], network)
            within = places[:, part] < count
            if self.counts is None or contexts is None:
                after = np.empty((*within.shape, 0), np.int64)
            else:
                after = self.counts.ngrams.along(given[:, part], contexts)
                contexts = after[:, -1]
            yield places[:, part][within], logits[within], after[within]


def zero_state(session: Session, rows: int) -> np.ndarray:
    """The state at a beginning: float32 [states, rows, units]."""
    states, _, units = session.shape("state")
    return np.zeros((states, rows, units), np.float32)


def read(session: Session, ids: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits [rows, vocabulary] for the token after ids [rows, steps], read on from a state; and the state then."""
    for start in range(0, ids.shape[1], _READ):
        logits, state = session.run(ids[:, start : start + _READ].astype(np.int32), state)
    return logits[:, -1], state


def cross_entropy(logits: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """-log softmax(logits)[wanted] in nats: logits [..., vocabulary] and ids [...] to float64 [...]."""
    highest = logits.max(-1, keepdims=True)
    total = np.log(np.exp(logits - highest).sum(-1, dtype=np.float64))
    nats: np.ndarray = total - (np.take_along_axis(logits, wanted[..., None], -1) - highest)[..., 0]
    return nats
