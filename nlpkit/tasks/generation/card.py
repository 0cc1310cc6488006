"""What the card of a generator tells."""

from typing import Any

from nlpkit.model_card import CardText, made_with, pieces_told
from nlpkit.tasks.generation.recipe import GenerationRecipe


def card_text(metadata: dict[str, Any], recipe: GenerationRecipe) -> CardText:
    """The parts of the card that are the task's own."""
    columns = {"characters": "characters", "nats a character": "nats_per_character"}
    columns |= {"bits a character": "bits_per_character", "perplexity a token": "perplexity_per_token"}
    pieces = "characters" if recipe.tokenizer.kind == "char" else "pieces"
    counts, parts = recipe.model.counts, metadata.get("parts")
    alone = parts and (
        f"Alone the network has {parts['network']:.4f} nats a character on the validation split, and the counts "
        f"{parts['counts']:.4f}; six numbers that tell how far to trust each were found there.\n"
    )
    return CardText(
        what=f"A text generator {made_with(metadata)}. "
        "It writes on from a prompt in the manner of the text it was trained on.",
        command='nlpkit generate --prompt "The "',
        call='generate("The ")',
        columns=columns,
        unit="characters",
        read=f"{pieces_told(metadata, recipe)}; the state is carried from the first to the last",
        kind="",
        head=f", beside Kneser-Ney counts of up to {counts} {pieces}" if counts else "",
        limits="It has learned which characters follow which, not what is true: what it writes may be false, may "
        "offend, and may repeat what it was trained on word for word.",
        notes=[alone] if alone else [],
    )
