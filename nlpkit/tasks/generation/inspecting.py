"""A generator opened up: what its gates did over a text, what it expected, and how far back that came from."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.errors import BundleError, DataError
from nlpkit.inspect.cells import Steps
from nlpkit.inspect.inspection import Inspection, Part, expected, read_text, traces_of
from nlpkit.inspect.memory import EXAMPLES, MOST, MemoryReport, half_lives_of, memory_report
from nlpkit.inspect.stack import OLDER, GraphReader, Run, opened_up
from nlpkit.tasks.generation.language import LanguageModel, cross_entropy, zero_state
from nlpkit.tokenizer import BOS

if TYPE_CHECKING:
    from nlpkit.tasks.generation.generator import JudgedText, TextGenerator

_MOST = 2_000  # tokens read of a text
_LAGS = 64  # tokens back that gradients are followed
_TARGETS = 32  # followed at a time
_LOGITS = 1 << 24  # held at a time
_MEASURED = 200_000  # tokens of a text to measure on
_FOLLOWED = 16  # places from which gradients are followed
_AS_SESSION = 1e-3  # how far a logit may be from the session's


def inspect_text(model: "TextGenerator", text: str) -> Inspection:
    """What a generator does while it reads a text, or, of a long one, its beginning. Gradients are those of the network
    alone, without the counts beside it. Raises DataError for an empty text, BundleError for a model whose graph is not
    of today's form."""
    whole = np.array(model.tokenizer.encode([text])[0], np.int32)
    if not len(whole):
        raise DataError("there is no text to inspect")
    ids = np.concatenate([[BOS], whole[:_MOST]]).astype(np.int32)
    logits, scores = model.language.along(ids)
    with opened_up():
        graph = GraphReader(model.bundle.files["model.onnx"])
        run = graph.stack().run(graph.embedding()[ids][None])
        readers = _readers(graph)
    found = run.hidden[0]
    for kernel in readers:
        found = found @ kernel
    # a bias, the same at every token, is all that may lie between
    if np.ptp(logits - found, axis=0).max() > _AS_SESSION:
        raise BundleError(OLDER)
    nats = cross_entropy(scores[:-1], ids[1:].astype(np.int64))
    after = expected(model.tokenizer, scores)
    part = Part(
        "text",
        read_text(model.tokenizer, ids),
        traces_of(run, 0),
        after=after,
        surprise=np.concatenate([[0.0], nats]),
        influence=_influence(run, logits, readers, ids),
    )
    characters = max(1, len(model.tokenizer.decode(ids)))
    figures = {"nats a token": float(nats.mean()), "nats a character": float(nats.sum()) / characters}
    return Inspection("generation", [part], after[-1], figures, cut=len(whole) + 1 - len(ids))


def _readers(graph: GraphReader) -> list[np.ndarray]:
    """What the last layer's outputs are multiplied with, one after the other, for the logits."""
    found = []
    for node in graph.all("MatMul"):
        given = graph.given(node)
        found.append(given[0] if given else graph.given(graph.maker(node.input[1]))[0].T)
    return found


def _influence(run: Run, logits: np.ndarray, readers: list[np.ndarray], ids: np.ndarray) -> np.ndarray:
    """The norm of the gradient of each token's log p in the vectors of the tokens before it, at most `_LAGS` back:
    float32 [tokens, tokens]."""
    count = len(ids)
    d_found = _gradients(logits[:-1], ids[1:], readers)
    found = np.zeros((count, count), np.float32)
    lags = min(_LAGS, count)
    for start in range(0, count - 1, _TARGETS):
        ends = np.arange(start, min(start + _TARGETS, count - 1))  # the last token read before each target
        places = ends[:, None] - np.arange(lags, -1, -1)  # one more at the start, whose own gradient is not whole
        window = _window(run, places)
        d_hidden = np.zeros_like(window.hidden)
        d_hidden[:, -1] = d_found[ends]
        norms = np.linalg.norm(window.gradient(d_hidden)[:, 1:], axis=2)
        rows, columns = np.nonzero(places[:, 1:] >= 0)
        found[ends[rows] + 1, places[rows, columns + 1]] = norms[rows, columns]
    return found


def _gradients(logits: np.ndarray, wanted: np.ndarray, readers: list[np.ndarray]) -> np.ndarray:
    """The gradient of log p of what is `wanted` [tokens] in the last layer's outputs [tokens, units]."""
    shares = np.exp(logits - logits.max(1, keepdims=True))
    found: np.ndarray = -shares / shares.sum(1, keepdims=True)
    found[np.arange(len(wanted)), wanted] += 1
    for kernel in reversed(readers):
        found = found @ kernel.T
    return found


def _window(run: Run, places: np.ndarray) -> Run:
    """What a stack did at some places of its one row, [rows, steps]; before the first it did nothing."""

    def taken(values: np.ndarray) -> np.ndarray:
        return np.where((places >= 0)[..., None], values[0, np.maximum(places, 0)], 0)

    def steps(done: Steps) -> Steps:
        memory = None if done.memory is None else taken(done.memory)
        return Steps({name: taken(gate) for name, gate in done.gates.items()}, memory, taken(done.hidden))

    return Run(run.stack, [[steps(done) for done in layer] for layer in run.done], taken(run.hidden))


def measure_memory(model: "TextGenerator", rows: "JudgedText", report: Callable[[int, int], object]) -> MemoryReport:
    """What context is worth to the network of a generator, without the counts beside it. Raises DataError for a text
    that is too short."""
    ids = np.asarray(rows.ids[:_MEASURED], np.int64)
    length = min(MOST, len(ids) // 2)
    if length < 2:
        raise DataError("there is too little text to measure on")
    ends = np.unique(np.linspace(length, len(ids) - 1, EXAMPLES).astype(np.int64))  # the places of what is predicted
    vocabulary = int(model.session.shape("logits")[-1])

    def losses(rows: list[np.ndarray]) -> np.ndarray:
        found = []
        size = max(1, _LOGITS // (len(rows[0]) * vocabulary))
        for start in range(0, len(rows), size):
            # begun as in training: a network that begins elsewhere is lost for long
            part = np.stack([np.concatenate([[BOS], row]) for row in rows[start : start + size]]).astype(np.int32)
            logits = model.session.run(part, zero_state(model.session, len(part)))[0][:, -1]
            found.append(cross_entropy(logits, ids[ends[start : start + size]]))
        return np.concatenate(found)

    begun = np.concatenate([[BOS], ids[:_MOST]]).astype(np.int32)
    with opened_up():
        graph = GraphReader(model.bundle.files["model.onnx"])
        run = graph.stack().run(graph.embedding()[begun][None])
        readers = _readers(graph)
    logits = model.session.run(begun[None], zero_state(model.session, 1))[0][0]
    return memory_report(
        [ids[end - length : end].astype(np.int32) for end in ends.tolist()],
        losses,
        _reach(run, logits, readers, begun, length),
        half_lives_of([run]),
        report,
        whole=LanguageModel(model.session).nats(ids)[ends],
    )


def _reach(run: Run, logits: np.ndarray, readers: list[np.ndarray], ids: np.ndarray, lags: int) -> np.ndarray:
    """The mean norm of the gradient of what comes next in the vector of the token so many back: float64 [lags]."""
    ends = np.unique(np.linspace(len(ids) // 2, len(ids) - 2, _FOLLOWED).astype(np.int64))
    lags = min(lags, int(ends[0]) + 1)
    d_found, total = _gradients(logits[ends], ids[ends + 1], readers), np.zeros(lags)
    for end, d in zip(ends.tolist(), d_found, strict=True):
        window = _window(run, np.arange(end - lags, end + 1)[None])
        d_hidden = np.zeros_like(window.hidden)
        d_hidden[0, -1] = d
        total += np.linalg.norm(window.gradient(d_hidden)[0, 1:], axis=1)[::-1]
    found: np.ndarray = total / len(ends)
    return found
