"""The README.md of a bundle."""

from typing import Any

from nlpkit.data.labels import listed
from nlpkit.recipe import ClassificationRecipe, Recipe, TranslationRecipe


def model_card(name: str, metadata: dict[str, Any], recipe: Recipe) -> str:
    """What the model is, what it was trained on, how good it is, and how to use it; Markdown."""
    data, model, training = metadata["data"], recipe.model, recipe.training
    made = f"made with nlpkit {metadata['versions']['nlpkit-lstm']} on {metadata['created'][:10]}"
    if isinstance(recipe, ClassificationRecipe):
        labels, several = metadata["labels"], recipe.model.labels == "several"
        gives = f"those of {len(labels):,} labels that go with it" if several else f"one of {len(labels):,} labels"
        what = f"A text classifier {made}. It gives each text {gives}: {listed(labels)}."
        command, call = 'nlpkit predict "a text"', 'predict(["a text"])'
        columns = {"texts": "examples", "accuracy": "accuracy", "macro F1": "macro_f1"}
        columns |= {"log loss": "log_loss", "calibration error": "calibration_error"}
        if several:
            columns = {"texts": "examples", "micro F1": "micro_f1", "macro F1": "macro_f1"}
            columns |= {"all labels right": "subset_accuracy", "Hamming loss": "hamming_loss", "log loss": "log_loss"}
        elif any("mean_absolute_error" in scores for scores in metadata["metrics"].values()):
            columns |= {"mean absolute error": "mean_absolute_error", "within one label": "within_one"}
        unit = "texts"
        text = recipe.tokenizer
        read = f"of a text longer than {text.max_length} pieces the {_kept(text.truncation)} is read"
        kind = "bidirectional " if recipe.model.bidirectional else ""
        head = f" under {' and '.join(recipe.model.pooling)} pooling"
        if "ngrams" in metadata:
            head += f", beside a linear model of n-grams of up to {recipe.model.ngrams} pieces"
        limits = (
            "It knows the language and the kind of text that it was trained on, and answers with one of its labels "
            "whatever it is given. Its probabilities are as good as the calibration error says, on texts like those."
        )
        if several:
            limits = (
                "It knows the language and the kind of text that it was trained on. Each label has a threshold, chosen "
                "where its F1 was highest on the validation split, so the figures there flatter a little more."
            )
        if "rare_weights" in metadata:
            limits += (
                " Labels that are rare are given more readily than their probabilities alone would have it, by as much "
                "as was best for the validation split, so the figures there flatter a little more."
            )
        if not several and (least := metadata.get("min_score")) is not None:
            limits += (
                f" `--min-score auto`, which is {least:.4f}, leaves texts without an answer below that score, from "
                f"which on {recipe.training.selective_accuracy:.0%} or more of the answers were right on the "
                "validation split."
            )
    elif isinstance(recipe, TranslationRecipe):
        pair = f" of the pair {recipe.data.pair}" if recipe.data.pair else ""
        what = f"A translator{pair} {made}. It turns a sentence into another, in the manner of the pairs it learned."
        command, call = 'nlpkit translate "a sentence"', 'translate(["a sentence"])'
        columns = {"sentences": "sentences", "BLEU": "bleu", "chrF": "chrf", "lower-cased BLEU": "bleu_lowercased"}
        columns |= {"exact match": "exact_match"}
        unit = "pairs"
        read = f"texts of more than {recipe.tokenizer.max_length} pieces are translated in parts"
        kind = "bidirectional "
        head = f", and as many above them that write, with {recipe.model.attention} attention"
        limits = (
            "It knows the kind of sentences that it was trained on; of others it may make fluent nonsense. It may "
            "leave out or add what changes the meaning: what matters should be read by one who knows both languages."
        )
    else:
        what = f"A text generator {made}. It writes on from a prompt in the manner of the text it was trained on."
        command, call = 'nlpkit generate --prompt "The "', 'generate("The ")'
        columns = {"characters": "characters", "nats a character": "nats_per_character"}
        columns |= {"bits a character": "bits_per_character", "perplexity a token": "perplexity_per_token"}
        unit = "characters"
        read = "the state is carried from the first to the last"
        kind = ""
        pieces = "characters" if recipe.tokenizer.kind == "char" else "pieces"
        head = f", beside Kneser-Ney counts of up to {recipe.model.counts} {pieces}" if recipe.model.counts else ""
        limits = (
            "It has learned which characters follow which, not what is true: what it writes may be false, may offend, "
            "and may repeat what it was trained on word for word."
        )
    in_int8 = ", kept in int8 with a scale for each row" if metadata.get("weights") == "int8" else ""
    rows = (
        f"| {split} | " + " | ".join(_figure(scores[key]) for key in columns.values()) + " |"
        for split, scores in metadata["metrics"].items()
    )
    lines = [
        f"# {name}",
        "",
        what,
        "",
        "## Use",
        "",
        "```bash",
        f"{command} --model .",
        "```",
        "",
        "```python",
        "import nlpkit",
        "",
        f'nlpkit.load(".").{call}',
        "```",
        "",
        "## How good it is",
        "",
        f"| split | {' | '.join(columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
        *rows,
        "",
        *(
            f"Of the {split} split {scores['trained_on']:,} {unit} were trained on, too.\n"
            for split, scores in metadata["metrics"].items()
            if scores.get("trained_on")
        ),
        *(
            f"Alone the network has {parts['network']:.4f} nats a character on the validation split, and the counts "
            f"{parts['counts']:.4f}; six numbers that tell how far to trust each were found there.\n"
            for parts in [metadata.get("parts")]
            if parts
        ),
        "The best epoch was chosen on the validation split, so its figures flatter a little; the test split, where "
        "there is one, was not looked at in training.",
        "",
        "## What it was made from",
        "",
        f"- Data: `{data['source']}`, {data['train']:,} {unit} to train on and {data['validation']:,} held out "
        f"(fingerprint `{data['fingerprint'][:12]}`).",
        f"- Text: {recipe.tokenizer.kind} pieces, {metadata['vocabulary']:,} of them; {read}.",
        f"- Network: {model.layers} {kind}{model.cell.upper()} layer{'s' if model.layers > 1 else ''} of "
        f"{model.units} units{head}; {metadata['parameters']:,} parameters{in_int8}.",
        f"- Training: {metadata['epochs']} epochs in "
        f"{metadata['training_seconds'] / 60:.1f} minutes, seed {training.seed}.",
        "- Libraries: " + ", ".join(f"{name} {version}" for name, version in metadata["versions"].items()) + ".",
        "",
        "## Limits",
        "",
        limits,
        "",
        "`recipe.toml` trains it again: `nlpkit train recipe.toml`.",
        "",
    ]
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"


def _kept(truncation: str) -> str:
    return {"head": "beginning", "tail": "end", "middle": "first quarter and the end"}[truncation]
