"""A SentencePiece model that was trained elsewhere, laid out as nlpkit's own are."""

import io
from pathlib import Path
from typing import Any

from nlpkit.data.notes import tell_once
from nlpkit.errors import UsageError, reason
from nlpkit.recipe import TokenizerSection

_KINDS = {1: "unigram", 2: "bpe", 4: "char"}


def adopt_tokenizer(path: str | Path, section: TokenizerSection) -> tuple[bytes, TokenizerSection]:
    """The SentencePiece model in a file with padding, the unknown piece, beginning and end as its first four, and the
    section of a recipe that tells of it; pieces, scores and the way text is normalized stay as they were.

    Raises UsageError for what is no such file, or splits text in a way that nlpkit does not.
    """
    from sentencepiece import sentencepiece_model_pb2

    found = sentencepiece_model_pb2.ModelProto()
    try:
        found.ParseFromString(Path(path).expanduser().read_bytes())
    except OSError as error:
        raise UsageError(f"tokenizer.model: {path} cannot be read: {reason(error)}") from None
    except Exception:  # protobuf's own, which brings no types
        found.Clear()
    piece = sentencepiece_model_pb2.ModelProto.SentencePiece
    if not any(one.type == piece.UNKNOWN for one in found.pieces):
        raise UsageError(f"tokenizer.model: {path} is not a SentencePiece model")
    training, normalizer = found.trainer_spec, found.normalizer_spec
    if training.model_type not in _KINDS:
        raise UsageError(f"tokenizer.model: {path} splits text into whole words, which nlpkit does not")
    if training.treat_whitespace_as_suffix or not normalizer.escape_whitespaces:
        raise UsageError(f"tokenizer.model: {path} does not write a space before its word as \u2581, as nlpkit does")
    first = {
        name: next((one.piece for one in found.pieces if one.piece == own and one.type == piece.CONTROL), name)
        for name, own in (("<pad>", training.pad_piece), ("<s>", training.bos_piece), ("</s>", training.eos_piece))
    }
    unknown = next(one.piece for one in found.pieces if one.type == piece.UNKNOWN)
    if len({*first.values()}) < len(first):
        first = {name: name for name in first}  # one piece was several of them
    others = [one for one in found.pieces if one.type != piece.UNKNOWN and one.piece not in first.values()]
    del found.pieces[:]
    for name, kind in (
        (first["<pad>"], piece.CONTROL),
        (unknown, piece.UNKNOWN),
        (first["<s>"], piece.CONTROL),
        (first["</s>"], piece.CONTROL),
    ):
        found.pieces.add(piece=name, score=0.0, type=kind)
    found.pieces.extend(others)
    training.pad_id, training.unk_id, training.bos_id, training.eos_id = range(4)
    training.pad_piece, training.unk_piece = first["<pad>"], unknown
    training.bos_piece, training.eos_piece = first["<s>"], first["</s>"]
    if section.lowercase and not normalizer.name.endswith("_cf") and not any(map(_has_capital, others)):
        normalizer.CopyFrom(_folding())  # it was learned from text that something else had put into lower case
    # which a tokenizer of nlpkit's does itself, or does not
    normalizer.add_dummy_prefix = normalizer.remove_extra_whitespaces = False
    count, kind = len(found.pieces), _KINDS[training.model_type]
    unmet = "" if training.byte_fallback else "; characters that it has not are unknown to it"
    tell_once(f"{path}: {count:,} {kind} pieces, which read text as {normalizer.name or 'it is'}{unmet}")
    known = {
        "kind": kind,
        "vocab_size": count,
        "lowercase": normalizer.name.endswith("_cf"),
        "byte_fallback": training.byte_fallback,
    }
    return found.SerializeToString(deterministic=True), section.model_copy(update=known)


def _has_capital(one: Any) -> bool:
    return bool(one.type == one.NORMAL and one.piece != one.piece.lower())


def _folding() -> Any:
    """How SentencePiece puts text into lower case."""
    from sentencepiece import SentencePieceTrainer, sentencepiece_model_pb2

    written = io.BytesIO()
    SentencePieceTrainer.Train(
        sentence_iterator=iter(["a"]),
        model_writer=written,
        model_type="char",
        vocab_size=8,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc_cf",
        minloglevel=2,
    )
    return sentencepiece_model_pb2.ModelProto.FromString(written.getvalue()).normalizer_spec
