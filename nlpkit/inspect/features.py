"""What of a text a unit may follow, and which it does."""

import re
from collections.abc import Sequence

import numpy as np

from nlpkit.inspect.inspection import ReadText, Trace

_NEGATION = re.compile(r"(?:n['’]t|\b(?:not?|never|none|nothing|neither|nor|without|hardly|cannot))$", re.IGNORECASE)
_NEGATED = 4  # words behind a negation
_LEAST = 0.5  # of a correlation, to be told
_OPEN, _SHUT = "([{", ")]}"


def text_features(text: ReadText, after: Sequence[Sequence[tuple[str, float]]] = ()) -> dict[str, np.ndarray]:
    """What there is to follow, float64 [tokens] each; those that do not change within the text are left out.

    Where `after` tells what a model would answer after each token, the probability of what it answers in the end is one
    of them.
    """
    tokens = text.tokens
    inside, quoted, line = [], [], []
    depth, in_quotes, since = 0, False, 0
    for token in tokens:
        for character in token:
            depth += (character in _OPEN) - (character in _SHUT and depth > 0)
            in_quotes ^= character in '"“”«»'
            since = 0 if character == "\n" else since + 1
        inside.append(depth > 0)
        quoted.append(in_quotes)
        line.append(since)
    written = text.written
    negations = [number for number, word in enumerate(written) if _NEGATION.search(word.strip())]
    negated = np.zeros(len(written), bool)
    for number in negations:
        negated[number : number + _NEGATED + 1] = True
    found = {
        "place in the text": range(len(tokens)),
        "place in the line": line if any("\n" in token for token in tokens) else [],
        "inside brackets": inside,
        "inside quotes": quoted,
        "behind a negation": negated[text.words] if len(written) else [],
        "space or line end": [token[-1:].isspace() for token in tokens],
        "beginning of a word": [token[:1].isspace() for token in tokens],
        "capital": [any(map(str.isupper, token)) for token in tokens],
        "digit": [any(map(str.isdigit, token)) for token in tokens],
        "punctuation": [bool(token.strip()) and not any(map(str.isalnum, token)) for token in tokens],
    }
    if after and all(after):
        first = after[-1][0][0]
        found[f"how much it is {first} so far"] = [dict(answers).get(first, 0.0) for answers in after]
    arrays = {name: np.asarray(values, np.float64) for name, values in found.items()}
    return {name: values for name, values in arrays.items() if len(values) > 2 and values.std() > 0}


def followed(trace: Trace, features: dict[str, np.ndarray]) -> list[tuple[str, float]]:
    """For each unit the feature that its output goes with most and the correlation of the two, between -1 and 1; an
    empty name where it follows none."""
    output = trace.steps.hidden.astype(np.float64)
    if not features:
        return [("", 0.0)] * output.shape[1]
    spread = output.std(0)
    steady = spread < 1e-6
    scaled = (output - output.mean(0)) / np.where(steady, 1, spread)
    names = list(features)
    known = np.stack([(values - values.mean()) / values.std() for values in features.values()])
    together = np.where(steady, 0, known @ scaled / len(output))  # [features, units]
    best = np.abs(together).argmax(0)
    chosen = together[best, np.arange(len(best))].tolist()
    return [
        (names[number], value) if abs(value) >= _LEAST else ("", value)
        for number, value in zip(best.tolist(), chosen, strict=True)
    ]
