"""A translator opened up: what its gates did over the source and the translation, and what each piece came from."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.batching import pad
from nlpkit.data.dataset import Pair
from nlpkit.errors import BundleError, DataError
from nlpkit.inspect.attributions import without
from nlpkit.inspect.cells import Steps
from nlpkit.inspect.inspection import Inspection, Part, ReadText, Trace, expected, read_text, traces_of
from nlpkit.inspect.memory import MemoryReport, half_lives_of, memory_report, some_of
from nlpkit.inspect.stack import OLDER, GraphReader, opened_up
from nlpkit.tasks.translation.answering import ENCODER, forced_log_probabilities, forced_nats
from nlpkit.tokenizer import BOS, EOS, UNK

if TYPE_CHECKING:
    from nlpkit.tasks.translation.translator import Translator

_FOLLOWED = 64  # sources of which the memory is followed
_AS_SESSION = 1e-3  # how far a state may be from the session's


def inspect_text(model: "Translator", text: str) -> Inspection:
    """What a translator does with a source and with its own translation of it. Raises DataError for a text that is
    empty or longer than it translates in one piece, BundleError for a model whose graphs are not of today's form."""
    if not text.strip():
        raise DataError("there is no text to inspect")
    ids = np.array(model.tokenizer.encode([text])[0], np.int32)
    if len(ids) > model.recipe.tokenizer.max_length:
        raise DataError(
            f"the text has {len(ids)} tokens, and the model translates {model.recipe.tokenizer.max_length} at a time; "
            "give one sentence"
        )
    best = model.translate_many([text])[0][0]
    target = np.array([BOS, *model.tokenizer.encode([best.text])[0]], np.int32)
    source = read_text(model.tokenizer, ids)
    with opened_up():
        graph = GraphReader(model.bundle.files[ENCODER])
        run = graph.stack().run(graph.embedding()[ids][None])
        traces, chances, attention = _decoded(model, ids, target)
    memory = model.sessions.encoder.run(*pad([ids]))[0][0]
    if np.abs(memory[:, : run.hidden.shape[2]] - run.hidden[0]).max() > _AS_SESSION:
        raise BundleError(OLDER)
    wanted = np.append(target[1:], EOS)
    nats = -chances[np.arange(len(wanted)), wanted].astype(np.float64)
    written = Part(
        "translation",
        read_text(model.tokenizer, target),
        traces,
        after=expected(model.tokenizer, chances),
        surprise=np.append(0.0, nats[:-1]),
    )
    figures = {"log p": float(-nats.sum()), "nats a token": float(nats.mean())}
    parts = [Part("source", source, traces_of(run, 0)), written]
    lost = _lost(model, source, target, nats)
    return Inspection("translation", parts, [(best.text, None)], figures, alignment=attention, lost=lost)


def _decoded(model: "Translator", ids: np.ndarray, target: np.ndarray) -> tuple[list[Trace], np.ndarray, np.ndarray]:
    """What the decoder's layers did while it read a translation, the log p of what is next float32 [tokens,
    vocabulary], and where it looked, [tokens, source tokens]."""
    decoder, (given, lengths) = model.sessions.decoder, pad([ids])
    memory, keys, state = model.sessions.encoder.run(given, lengths)
    fed = np.zeros((1, decoder.shape("fed")[1]), np.float32)
    chances, attention, states, feds = [], [], [state[:, 0]], [fed[0]]
    for token in target:
        found, state, fed, shares = decoder.run(np.array([token], np.int32), state, fed, memory, keys, lengths)
        chances.append(found[0])
        attention.append(shares[0])
        states.append(state[:, 0])
        feds.append(fed[0])
    graph = GraphReader(model.bundle.files["model.onnx"])
    embedding = next(graph.given(node)[0] for node in graph.all("Gather") if node.input[1] == "tokens")
    return _traces(graph, embedding[target], np.stack(states), np.stack(feds)), np.stack(chances), np.stack(attention)


def _traces(graph: GraphReader, x: np.ndarray, states: np.ndarray, feds: np.ndarray) -> list[Trace]:
    """The gates of the decoder's layers, from its inputs [tokens, features], the states before and after each token
    [tokens + 1, 2 * layers, units], and what each step fed on [tokens + 1, size]. Raises ValueError where they do not
    lead from one state to the next."""
    found = []
    parts = {node.input[0] for node in graph.all("Split") if len(node.output) == 4}
    gates_of = [graph.given(node) for node in graph.all("Gemm") if node.output[0] in parts]
    units = states.shape[2]
    for number, (kernel, bias) in enumerate(gates_of):
        h, c = states[:, 2 * number], states[:, 2 * number + 1]
        below = [x, feds[:-1]] if number == 0 and len(kernel) > x.shape[1] + units else [x]
        z = np.concatenate([*below, h[:-1]], 1) @ kernel + bias
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, o = (0.5 * np.tanh(0.5 * part) + 0.5 for part in (i, f, o))
        g = np.tanh(g)
        if np.abs(f * c[:-1] + i * g - c[1:]).max() > _AS_SESSION:
            raise ValueError("of another form")
        gates = {"input": i, "output": o, "forget": f, "candidate": g}
        found.append(Trace(number + 1, "decoder", Steps(gates, c[1:], h[1:])))
        x = h[1:]
    return found


def _lost(model: "Translator", source: ReadText, target: np.ndarray, nats: np.ndarray) -> np.ndarray:
    """By how much log p of each token of the translation falls without each word of the source: float64 [tokens,
    words]."""
    kept = [source.words != word for word in range(len(source.written))]
    rows = without(kept, source.ids, UNK)
    chances, _ = forced_log_probabilities(model.sessions, rows, np.repeat(target[None], len(rows), 0))
    wanted = np.append(target[1:], EOS)
    left = chances[:, np.arange(len(wanted)), wanted].astype(np.float64)
    lost: np.ndarray = -nats[:, None] - left.T
    return lost


def measure_memory(model: "Translator", rows: Iterable[Pair], report: Callable[[int, int], object]) -> MemoryReport:
    """What the source is worth to a translator: its loss on the whole of each reference with the last tokens of the
    source alone. Raises DataError where there is no pair."""
    most = model.recipe.tokenizer.max_length
    pairs = some_of(pair for pair in rows if pair.source.strip() and pair.target.strip())
    encoded = (model.tokenizer.encode([pair[side] for pair in pairs], threads=cores()) for side in (0, 1))
    sources, targets = ([np.array(ids[:most], np.int32) for ids in side] for side in encoded)
    if not pairs:
        raise DataError("there is nothing to measure on: no pair has both a source and a translation")
    with opened_up():
        graph = GraphReader(model.bundle.files[ENCODER])
        stack, embedding = graph.stack(), graph.embedding()
    runs = [stack.run(embedding[ids][None]) for ids in sources[:_FOLLOWED]]
    return memory_report(
        sources, lambda rows: forced_nats([model.sessions], rows, targets), None, half_lives_of(runs), report
    )
