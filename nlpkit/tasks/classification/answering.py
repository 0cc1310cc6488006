"""Class probabilities from an ONNX session: the one path by which every text is classified."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nlpkit.cores import cores, on_all_cores, planned_cores
from nlpkit.data.batching import pad, sorted_batches, truncate, windows
from nlpkit.data.texts import Texts
from nlpkit.runtime.session import Session
from nlpkit.tasks.classification.recipe import ClassifierTokenizer
from nlpkit.tokenizer import Tokenizer

logger = logging.getLogger("nlpkit")

FEW_TOKENS = 2_048  # what a core's cache holds of an operator over all steps
_MANY_TOKENS, _MOST_ROWS = 65_536, 128  # for a loop, which keeps nothing of a step: with more there is more padding
_MOST_SCORES = 1 << 23  # of tokens for labels, which n-grams keep


def predict_texts(
    session: Session, tokenizer: Tokenizer, texts: Iterable[str], section: ClassifierTokenizer
) -> Iterator[np.ndarray]:
    """Probabilities float32 [classes] for each text, in order, in constant memory."""
    cut = 0
    for window in windows(texts, planned_cores()):  # each core wants large batches of like length
        encoded = tokenizer.encode(window, threads=cores())
        cut += sum(len(ids) > section.max_length for ids in encoded)
        yield from predict_rows(session, [np.array(ids, np.int32) for ids in encoded], section)
    if cut:
        logger.info("of texts longer than %d tokens only as many were read: %d", section.max_length, cut)


def predict_rows(session: Session, rows: Iterable[np.ndarray], section: ClassifierTokenizer) -> np.ndarray:
    """Probabilities float32 [rows, classes] for rows of token ids, batched by length, in the order given."""
    cut = [truncate(ids, section.max_length, section.truncation) for ids in rows]
    batches = plan_batches(session, [max(1, len(ids)) for ids in cut])[::-1]  # the longest first
    answers = on_all_cores(lambda batch: session.run(*pad([cut[i] for i in batch]))[0], batches)
    probabilities = np.empty((len(cut), answers[0].shape[1]), np.float32)
    for batch, answer in zip(batches, answers, strict=True):
        probabilities[batch] = answer
    return probabilities


def predict_corpus(session: Session, texts: Texts, section: ClassifierTokenizer) -> np.ndarray:
    """Probabilities float32 [texts, classes] for texts that are tokenized."""
    return predict_rows(session, map(texts.row, range(len(texts))), section)


def plan_batches(session: Session, lengths: Sequence[int]) -> list[np.ndarray]:
    """Row numbers in batches of like length that suit the model: large ones if it runs many rows in a loop, and there
    are rows enough for four such batches a core."""
    most = min(_MANY_TOKENS, _MOST_SCORES // int(session.shape("probabilities")[-1]))
    tokens = min(most, sum(lengths) // (4 * planned_cores()))
    if session.many_rows is None or tokens < session.many_rows * max(lengths):
        return sorted_batches(lengths, FEW_TOKENS)
    return sorted_batches(lengths, tokens, _MOST_ROWS)
