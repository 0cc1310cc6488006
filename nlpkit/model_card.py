"""The README.md of a bundle."""

from dataclasses import dataclass, field
from typing import Any

from nlpkit.recipe import Recipe, TextRecipe


@dataclass(frozen=True, kw_only=True)
class CardText:
    """What a task's models tell of themselves: `what` they are; a `command` and a Python `call`; the table's `columns`,
    the names of figures by their titles; the `unit` of data; how it is `read`; what `kind` of layers there are and the
    `head` on them; `notes` below the figures; and the `limits`."""

    what: str
    command: str
    call: str
    columns: dict[str, str]
    unit: str
    read: str
    kind: str
    head: str
    limits: str
    notes: list[str] = field(default_factory=list)


def made_with(metadata: dict[str, Any]) -> str:
    """By which nlpkit a model was made, and when."""
    return f"made with nlpkit {metadata['versions']['nlpkit-lstm']} on {metadata['created'][:10]}"


def pieces_told(metadata: dict[str, Any], recipe: TextRecipe) -> str:
    """What pieces a model's text is split into."""
    return f"Text: {recipe.tokenizer.kind} pieces, {metadata['vocabulary']:,} of them"


def model_card(name: str, metadata: dict[str, Any], recipe: Recipe, text: CardText) -> str:
    """What the model is, what it was trained on, how good it is, and how to use it; Markdown."""
    data, model, training = metadata["data"], recipe.model, recipe.training
    in_int8 = ", kept in int8 with a scale for each row" if metadata.get("weights") == "int8" else ""
    rows = (
        f"| {split} | " + " | ".join(_figure(scores[key]) for key in text.columns.values()) + " |"
        for split, scores in metadata["metrics"].items()
    )
    start = metadata.get("start")
    started = (
        []
        if start is None
        else [
            f"- Started from `{start['from']}`, a model of {start['task']} (`{start['sha256'][:12]}`): "
            f"{', '.join(start['taken'])} {'stayed as they were' if start.get('frozen') else 'were trained on'}."
        ]
    )
    lines = [
        f"# {name}",
        "",
        text.what,
        "",
        "## Use",
        "",
        "```bash",
        f"{text.command} --model .",
        "```",
        "",
        "```python",
        "import nlpkit",
        "",
        f'nlpkit.load(".").{text.call}',
        "```",
        "",
        "## How good it is",
        "",
        f"| split | {' | '.join(text.columns)} |",
        f"| --- |{' ---: |' * len(text.columns)}",
        *rows,
        "",
        *(
            f"Of the {split} split {scores['trained_on']:,} {text.unit} were trained on, too.\n"
            for split, scores in metadata["metrics"].items()
            if scores.get("trained_on")
        ),
        *text.notes,
        "The best epoch was chosen on the validation split, so its figures flatter a little; the test split, where "
        "there is one, was not looked at in training.",
        "",
        "## What it was made from",
        "",
        f"- Data: `{data['source']}`, {data['train']:,} {text.unit} to train on and {data['validation']:,} held out "
        f"(fingerprint `{data['fingerprint'][:12]}`).",
        *started,
        f"- {text.read}.",
        f"- Network: {model.layers} {text.kind}{model.cell.upper()} layer{'s' if model.layers > 1 else ''} of "
        f"{model.units} units{text.head}; {metadata['parameters']:,} parameters{in_int8}.",
        f"- Training: {metadata['epochs']} epochs in "
        f"{metadata['training_seconds'] / 60:.1f} minutes, seed {training.seed}.",
        "- Libraries: " + ", ".join(f"{name} {version}" for name, version in metadata["versions"].items()) + ".",
        "",
        "## Limits",
        "",
        text.limits,
        "",
        "`recipe.toml` trains it again: `nlpkit train recipe.toml`.",
        "",
    ]
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
