"""What the card of a translator tells."""

from typing import Any

from nlpkit.model_card import CardText, made_with, pieces_told
from nlpkit.tasks.translation.recipe import TranslationRecipe


def card_text(metadata: dict[str, Any], recipe: TranslationRecipe) -> CardText:
    """The parts of the card that are the task's own."""
    pair = f" of the pair {recipe.data.pair}" if recipe.data.pair else ""
    columns = {"sentences": "sentences", "BLEU": "bleu", "chrF": "chrf", "lower-cased BLEU": "bleu_lowercased"}
    return CardText(
        what=f"A translator{pair} {made_with(metadata)}. "
        "It turns a sentence into another, in the manner of the pairs it learned.",
        command='nlpkit translate "a sentence"',
        call='translate(["a sentence"])',
        columns=columns | {"exact match": "exact_match"},
        unit="pairs",
        read=f"{pieces_told(metadata, recipe)}; texts of more than {recipe.tokenizer.max_length} pieces are "
        "translated in parts",
        kind="bidirectional ",
        head=f", and as many above them that write, with {recipe.model.attention} attention",
        limits="It knows the kind of sentences that it was trained on; of others it may make fluent nonsense. It may "
        "leave out or add what changes the meaning: what matters should be read by one who knows both languages.",
    )
