"""The README.md of a bundle."""

from typing import Any

from nlpkit.recipe import ClassificationRecipe


def model_card(name: str, metadata: dict[str, Any], recipe: ClassificationRecipe) -> str:
    """What the model is, what it was trained on, how good it is, and how to use it; Markdown."""
    data, model, training = metadata["data"], recipe.model, recipe.training
    direction = "bidirectional " if model.bidirectional else ""
    lines = [
        f"# {name}",
        "",
        f"A text classifier made with nlpkit {metadata['versions']['nlpkit-lstm']} on {metadata['created'][:10]}. It "
        f"gives each text one of {len(metadata['labels'])} labels: {', '.join(metadata['labels'])}.",
        "",
        "## Use",
        "",
        "```bash",
        'nlpkit predict "a text" --model .',
        "```",
        "",
        "```python",
        "import nlpkit",
        "",
        'nlpkit.load(".").predict(["a text"])',
        "```",
        "",
        "## How good it is",
        "",
        "| split | texts | accuracy | macro F1 | log loss | calibration error |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for split, scores in metadata["metrics"].items():
        lines.append(
            f"| {split} | {scores['examples']:,} | {scores['accuracy']:.4f} | {scores['macro_f1']:.4f} "
            f"| {scores['log_loss']:.4f} | {scores['calibration_error']:.4f} |"
        )
    lines += [
        "",
        "The best epoch was chosen on the validation split, so its figures flatter a little; the test split, where "
        "there is one, was not looked at in training.",
        "",
        "## What it was made from",
        "",
        f"- Data: `{data['source']}`, {data['train']:,} texts to train on and {data['validation']:,} held out "
        f"(fingerprint `{data['fingerprint'][:12]}`).",
        f"- Text: {recipe.tokenizer.kind} pieces, {metadata['vocabulary']:,} of them; of a text longer than "
        f"{recipe.tokenizer.max_length} pieces the {_kept(recipe.tokenizer.truncation)} is read.",
        f"- Network: {model.layers} {direction}{model.cell.upper()} layer{'s' if model.layers > 1 else ''} of "
        f"{model.units} units under {' and '.join(model.pooling)} pooling; {metadata['parameters']:,} parameters.",
        f"- Training: {metadata['epochs']} epochs of at most {training.epochs} in "
        f"{metadata['training_seconds'] / 60:.1f} minutes, seed {training.seed}.",
        "- Libraries: " + ", ".join(f"{name} {version}" for name, version in metadata["versions"].items()) + ".",
        "",
        "## Limits",
        "",
        "It knows the language and the kind of text that it was trained on, and answers with one of its labels "
        "whatever it is given. Its probabilities are as good as the calibration error says, on texts like those.",
        "",
        "`recipe.toml` trains it again: `nlpkit train recipe.toml`.",
        "",
    ]
    return "\n".join(lines)


def _kept(truncation: str) -> str:
    return {"head": "beginning", "tail": "end", "middle": "first quarter and the end"}[truncation]
