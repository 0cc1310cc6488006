"""A classifier opened up: what its gates did over a text, what it would have answered so far, and why it answers so."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.batching import truncate
from nlpkit.data.dataset import Example
from nlpkit.data.labels import all_of
from nlpkit.errors import BundleError, DataError
from nlpkit.inspect.attributions import NEAR, integrated_gradients, rationale_masks, without
from nlpkit.inspect.inspection import Inspection, Part, ReadText, Trace, read_text, traces_of
from nlpkit.inspect.memory import MemoryReport, half_lives_of, mean_by_lag, memory_report, some_of
from nlpkit.inspect.stack import OLDER, GraphReader, Stack, opened_up
from nlpkit.tasks.classification.answering import predict_rows
from nlpkit.tasks.classification.ngrams import NgramWeights, find_ngrams, place_of
from nlpkit.tokenizer import UNK

if TYPE_CHECKING:
    from nlpkit.tasks.classification.classifier import TextClassifier

_BEST = 5  # labels told of each answer
_FOLLOWED = 64  # examples of which gradients are followed
_AS_SESSION = 1e-4  # how far a probability may be from the session's


def inspect_text(model: "TextClassifier", text: str) -> Inspection:
    """What a classifier does with a text, as its session would answer it. Raises BundleError for a model whose graph
    is not of today's form."""
    section = model.recipe.tokenizer
    whole = np.array(model.tokenizer.encode([text])[0] or [UNK], np.int32)
    ids = truncate(whole, section.max_length, section.truncation)
    network = read_network(model)
    read = read_text(model.tokenizer, ids)
    probabilities = predict_rows(model.session, [ids], section)[0]
    run = network.stack.run(network.embedding[ids][None])
    pooled = network.pooled(run.hidden)[0]
    found = network.answer(pooled, ids)
    if np.abs(found - probabilities).max() > _AS_SESSION:
        raise BundleError(OLDER)

    label = int(model.ranked(probabilities)[0])
    contrast = network.contrast(label)
    weights, base = _attributions(network, ids, contrast)
    left_out = _left_out(model, network, read, label, probabilities)
    gradient = run.gradient(network.pooled_gradient(run.hidden, (network.kernel @ contrast)[None]))[0]
    part = Part(
        "text",
        read,
        _with_worth(traces_of(run, 0), network, pooled, contrast),
        after=_after(model, read),
        weights=weights,
        left_out=left_out,
        gradient=np.linalg.norm(gradient, axis=1),
    )
    score = float(network.score(probabilities[None], label)[0])
    figures = {"score": score, "score of nothing": float(base)}
    off = float(base + weights.sum()) - score
    if abs(off) > 2 * NEAR * max(1.0, abs(score - base)):
        figures["attributions off by"] = off
    for name, ranking in (("attributions", read.by_word(weights)), ("leaving out", left_out)):
        figures |= {f"{what} by {name}": value for what, value in _faithful(model, read, ranking, label).items()}
    chosen = [(str(model.labels[i]), float(probabilities[i])) for i in model.ranked(probabilities)]
    return Inspection(
        "classification", [part], chosen, figures, about=str(model.labels[label]), cut=len(whole) - len(ids)
    )


@dataclass(frozen=True)
class Network:
    """A classifier's weights, as its graph has them: embedding [vocabulary, features], of which `nothing` stands for a
    word that is not there, kernel [pooled, classes] and bias of the logits, and those of attention, [features, 1] and
    [1]."""

    stack: Stack
    embedding: np.ndarray
    nothing: np.ndarray
    pooling: list[str]
    attention: tuple[np.ndarray, np.ndarray] | None
    kernel: np.ndarray
    bias: np.ndarray
    ngrams: NgramWeights | None
    several: bool

    def pooled(self, x: np.ndarray) -> np.ndarray:
        """What the poolings make of outputs [rows, steps, features]: [rows, pooled]."""
        return np.concatenate([self._pool(kind, x) for kind in self.pooling], 1)

    def _pool(self, kind: str, x: np.ndarray) -> np.ndarray:
        if kind == "last":
            half = self.stack.layers[-1][0].units
            return np.concatenate([x[:, -1, :half], x[:, 0, half:]], 1)
        found: np.ndarray = x.max(1) if kind == "max" else x.mean(1) if kind == "mean" else (self._shares(x) * x).sum(1)
        return found

    def _shares(self, x: np.ndarray) -> np.ndarray:
        """What attention gives to each step: [rows, steps, 1]."""
        assert self.attention is not None
        kernel, bias = self.attention
        scores = x @ kernel + bias
        scores = np.exp(scores - scores.max(1, keepdims=True))
        found: np.ndarray = scores / scores.sum(1, keepdims=True)
        return found

    def pooled_gradient(self, x: np.ndarray, d_pooled: np.ndarray) -> np.ndarray:
        """The gradient in outputs [rows, steps, features], given that in what the poolings make of them."""
        total = np.zeros_like(x)
        for kind, d in zip(self.pooling, np.split(d_pooled, len(self.pooling), axis=1), strict=True):
            if kind == "last":
                half = self.stack.layers[-1][0].units
                total[:, -1, :half] += d[:, :half]
                total[:, 0, half:] += d[:, half:]
            elif kind == "max":
                rows, features = np.ogrid[: len(x), : x.shape[2]]
                total[rows, x.argmax(1), features] += d
            elif kind == "mean":
                total += d[:, None] / x.shape[1]
            else:
                assert self.attention is not None
                shares, along = self._shares(x), (x * d[:, None]).sum(2, keepdims=True)
                d_scores = shares * (along - (shares * along).sum(1, keepdims=True))
                total += shares * d[:, None] + d_scores * self.attention[0][:, 0]
        return total

    def answer(self, pooled: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Probabilities [classes] from the pooled outputs [pooled] and the n-grams of token ids."""
        logits = pooled @ self.kernel + self.bias
        if self.ngrams is not None:
            logits = logits + self.ngrams.scores(ids)
        shares = np.exp(logits - logits.max())
        found: np.ndarray = 1 / (1 + np.exp(-logits)) if self.several else shares / shares.sum()
        return found

    def contrast(self, label: int) -> np.ndarray:
        """By what to multiply logits [classes] for the score of a label: its logit, over the mean of the others'
        unless a text may have several."""
        classes = len(self.bias)
        vector = np.full(classes, 0.0 if self.several or classes == 1 else -1 / (classes - 1), np.float32)
        vector[label] = 1
        return vector

    def score(self, probabilities: np.ndarray, label: int) -> np.ndarray:
        """The same of probabilities [rows, classes]: float64 [rows]."""
        chances = np.clip(probabilities.astype(np.float64), 1e-9, 1)
        logits = np.log(chances) - (np.log(np.clip(1 - chances, 1e-9, 1)) if self.several else 0)
        found: np.ndarray = logits @ self.contrast(label)
        return found


def read_network(model: "TextClassifier") -> Network:
    """A classifier's weights, read out of its graph. Raises BundleError for one of another form."""
    section = model.recipe.model
    with opened_up():
        graph = GraphReader(model.bundle.files["model.onnx"])
        gemm = next(node for node in graph.all("Gemm") if len(graph.given(node)) == 2)
        kernel, bias = graph.given(gemm)
        attention = None
        if "attention" in section.pooling:
            chosen = graph.maker(graph.all("Softmax")[0].input[0])  # real steps alone
            scores = graph.maker(chosen.input[1])
            (of_steps,), (more,) = graph.given(graph.maker(scores.input[0])), graph.given(scores)
            attention = of_steps, more
        ngrams = _read_ngrams(graph) if section.ngrams else None
        embedding, stack = graph.embedding(), graph.stack()
    dropped = section.word_dropout and not model.metadata.get("start", {}).get("frozen")  # words, in training
    nothing = embedding[UNK] if dropped else np.zeros_like(embedding[UNK])
    return Network(
        stack, embedding, nothing, list(section.pooling), attention, kernel, bias, ngrams, several=model.several
    )


def _read_ngrams(graph: GraphReader) -> NgramWeights:
    *_, divided = graph.all("Div")  # the sums of the n-grams' rows, by their lengths
    (kernel,) = graph.given(next(node for node in graph.all("MatMul") if divided.output[0] in node.input))
    tables = [(node.input[1], *graph.given(node)) for node in graph.all("Gather") if graph.given(node)]
    edges, codes = (table for index, table, *_ in tables if index == "ids" and table.dtype == np.int64)
    marks, table, norms = (table for _, table, *_ in tables if table.itemsize == 1)
    return NgramWeights(codes.astype(np.int32), edges.astype(bool), marks, table[:-1], norms[:-1], kernel)


def _attributions(network: Network, ids: np.ndarray, contrast: np.ndarray) -> tuple[np.ndarray, float]:
    """What each token adds to a score, float64 [tokens], and the score of nothing: by integrated gradients through the
    sequence, and to the last bit through the n-grams, whose parts are shared out among their tokens."""
    direction = network.kernel @ contrast

    def differentiated(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        run = network.stack.run(x)
        d_pooled = np.broadcast_to(direction, (len(x), len(direction)))
        return network.pooled(run.hidden) @ direction, run.gradient(network.pooled_gradient(run.hidden, d_pooled))

    x = network.embedding[ids]
    width = 8 * sum(len(directions) * directions[0].units for directions in network.stack.layers)
    found, base = integrated_gradients(differentiated, x, np.broadcast_to(network.nothing, x.shape), width=width)
    if network.ngrams is not None:
        found = found + _of_ngrams(network.ngrams, ids, contrast)
    return found, base + float(network.bias @ contrast)


def _of_ngrams(ngrams: NgramWeights, ids: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """What each token adds to a score by the n-grams that it is in, float64 [tokens]."""
    found = find_ngrams(ids, ngrams.codes, ngrams.edges)
    keys, first, times = np.unique(found.keys, return_inverse=True, return_counts=True)
    bucket, mark = place_of(keys, len(ngrams.table))
    own = ngrams.marks[bucket] == mark
    length = np.sqrt(np.maximum((ngrams.norms[bucket[own]].astype(np.float64) ** 2).sum(0), 1))
    worth = np.where(own, (ngrams.table[bucket] / length) @ (ngrams.kernel @ contrast), 0.0)  # of each key
    each = (worth / times)[first] / (found.ends - found.starts)  # of each token of each n-gram
    edges = np.zeros(len(ids) + 1)
    np.add.at(edges, found.starts, each)
    np.add.at(edges, found.ends, -each)
    added: np.ndarray = np.cumsum(edges)[:-1]
    return added


def _with_worth(traces: list[Trace], network: Network, pooled: np.ndarray, contrast: np.ndarray) -> list[Trace]:
    """With what each unit of the last layer adds to a score."""
    worth = (pooled * (network.kernel @ contrast)).reshape(len(network.pooling), -1).sum(0)
    last = len(network.stack.layers[-1])
    parts = np.split(worth, last)
    return traces[:-last] + [replace(trace, worth=part) for trace, part in zip(traces[-last:], parts, strict=True)]


def _left_out(
    model: "TextClassifier", network: Network, read: ReadText, label: int, probabilities: np.ndarray
) -> np.ndarray:
    """By how much a label's score is lower without each word: float64 [words]."""
    kept = [read.words != word for word in range(len(read.written))]
    rows = without(kept, read.ids, UNK)
    found = predict_rows(model.session, rows, model.recipe.tokenizer)
    lost: np.ndarray = network.score(probabilities[None], label) - network.score(found, label)
    return lost


def _after(model: "TextClassifier", read: ReadText) -> list[list[tuple[str, float]]]:
    """What the model would answer if the text ended behind the word that each token is of: the best labels there, and
    those that are the best in the end."""
    ends = np.flatnonzero(np.append(np.diff(read.words), 1)) + 1
    found = predict_rows(model.session, [read.ids[:end] for end in ends.tolist()], model.recipe.tokenizer)
    final = set(model.ranked(found[-1])[:_BEST].tolist())
    told = []
    for scores in found:
        ranked = model.ranked(scores).tolist()
        shown = [i for place, i in enumerate(ranked) if place < _BEST or i in final]
        told.append([(str(model.labels[i]), float(scores[i])) for i in shown])
    return [told[word] for word in read.words.tolist()]


def _faithful(model: "TextClassifier", read: ReadText, weights: np.ndarray, label: int) -> dict[str, float]:
    """By how much a label's probability is lower without the words of most weight, and with them alone, in the mean
    over some shares of the words: the more and the less, the better the weights tell why."""
    lists = rationale_masks(weights, read.words)
    rows = without([*lists[0], *lists[1], read.words >= 0], read.ids, UNK)
    *found, whole = predict_rows(model.session, rows, model.recipe.tokenizer)[:, label].astype(np.float64).tolist()
    half = len(lists[0])
    return {
        "comprehensiveness": whole - float(np.mean(found[:half])),
        "sufficiency": whole - float(np.mean(found[half:])),
    }


def measure_memory(
    model: "TextClassifier", rows: Iterable[Example], report: Callable[[int, int], object]
) -> MemoryReport:
    """What context is worth to a classifier: its loss with the last tokens of a text alone. Raises DataError where no
    row has a label that it knows."""
    names, section = [str(label) for label in model.metadata["labels"]], model.recipe.tokenizer
    known = (row for row in rows if all(label in names for label in all_of(row.label)))
    examples = some_of(known)
    if not examples:
        raise DataError("there is nothing to measure on: no text has a label that the model knows")
    encoded = model.tokenizer.encode([row.text for row in examples], threads=cores())
    read = [truncate(np.array(ids or [UNK], np.int32), section.max_length, section.truncation) for ids in encoded]
    truth = np.zeros((len(examples), len(names)), bool)
    for place, row in enumerate(examples):
        truth[place, [names.index(label) for label in all_of(row.label)]] = True

    def losses(rows: list[np.ndarray]) -> np.ndarray:
        chances = np.clip(predict_rows(model.session, rows, section).astype(np.float64), 1e-9, 1)
        found = -np.log(chances) * truth
        if model.several:
            found = found - np.log(np.clip(1 - chances, 1e-9, 1)) * ~truth
        summed: np.ndarray = found.sum(1)
        return summed

    network = read_network(model)
    norms, runs = [], []
    for ids, labels in list(zip(read, truth, strict=True))[:_FOLLOWED]:
        run = network.stack.run(network.embedding[ids][None])
        direction = network.kernel @ network.contrast(int(labels.argmax()))
        gradient = run.gradient(network.pooled_gradient(run.hidden, direction[None]))[0]
        norms.append(np.linalg.norm(gradient, axis=1))
        runs.append(run)
    return memory_report(read, losses, mean_by_lag(norms), half_lives_of(runs), report)
