"""Text to token ids and back, by one SentencePiece model: unigram, BPE or characters."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise

import numpy as np
import sentencepiece

from nlpkit.cores import cores
from nlpkit.errors import DataError, UsageError
from nlpkit.normalization import Normalization, normalize
from nlpkit.recipe import TokenizerSection

PAD, UNK, BOS, EOS = 0, 1, 2, 3

# SentencePiece learns from at most this many stretches of text: more cost minutes and change few pieces.
_MAX_STRETCHES = 500_000
_STRETCH = 4_000  # characters; it would silently skip a longer line than its limit


class Tokenizer:
    """A SentencePiece model. Ids: padding 0, unknown 1, beginning 2, end 3; then bytes, if any, and pieces.

    Every text is normalized before it is split, so that training, judging, files, pipes and Python read it alike.
    `decode(encode(text)) == normalize(text)` for any text when trained with byte fallback, and for text of
    characters seen in training without; but not when trained to lower case, and U+2581 comes back as a space,
    because that is how SentencePiece writes one.
    """

    file = "tokenizer.model"

    def __init__(self, model: bytes, *, leading_space: bool = True, normalization: Normalization = "none") -> None:
        """With `leading_space` a text is read as if a space stood before it, so that its first word is like any
        other; without, it may begin in the middle of one."""
        self.model = model
        self.normalization = normalization
        self._before = " " if leading_space else ""
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
            self._processor.IdToPiece(list(range(len(self))))  # a piece that is not UTF-8 raises now, not in an answer
        except (RuntimeError, UnicodeDecodeError):
            raise DataError("tokenizer.model is not a SentencePiece model") from None

    def __len__(self) -> int:
        """The number of ids."""
        return int(self._processor.GetPieceSize())

    def to_bytes(self) -> bytes:
        """The SentencePiece model."""
        return self.model

    def facts(self) -> dict[str, int]:
        """How many pieces there are."""
        return {"vocabulary": len(self)}

    def normalize(self, text: str) -> str:
        """The text as it is read."""
        return normalize(text, self.normalization)

    def encode(self, texts: Sequence[str], *, threads: int = 1) -> list[list[int]]:
        """The ids of each text."""
        spaced = [self._spaced(text) for text in texts]
        ids: list[list[int]] = self._processor.Encode(spaced, num_threads=threads)
        return ids

    def sample(self, texts: Sequence[str], rate: float, *, seed: int) -> list[list[int]]:
        """The ids of one random segmentation of each text; the same for the same seed and texts.

        Between any two characters no piece may reach across with probability `rate`: the aim of BPE-dropout
        (Provilkov et al., 2020) and subword regularization (Kudo, 2018). SentencePiece's own sampling gives
        other draws in every process, so that no run could be repeated or resumed.
        """
        rng = np.random.default_rng(seed)
        fragments, owners = [], []
        for owner, text in enumerate(texts):
            spaced = self._spaced(text)
            cuts = np.flatnonzero(rng.random(len(spaced)) < rate).tolist()
            for start, end in pairwise([0, *(cut for cut in cuts if cut), len(spaced)]):
                fragments.append(spaced[start:end])
                owners.append(owner)
        ids: list[list[int]] = [[] for _ in texts]
        for owner, pieces in zip(owners, self._processor.Encode(fragments), strict=True):
            ids[owner] += pieces
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token ids; padding, beginning and end are left out."""
        text: str = self._processor.Decode([int(i) for i in ids if i not in (PAD, BOS, EOS)])
        return text.removeprefix(self._before)

    def byte_pieces(self) -> dict[int, int]:
        """The id of the piece for each byte, where there are such pieces."""
        return {self._spelling(i)[0]: i for i in range(len(self)) if self._processor.IsByte(i)}

    def spelt_in_bytes(self, ids: np.ndarray) -> str:
        """The distinct characters that token ids [tokens] of whole texts spell byte by byte, in order."""
        table = np.full(len(self), -1)
        for byte, i in self.byte_pieces().items():
            table[i] = byte
        found = table[ids]
        return "".join(sorted(set(found[found >= 0].astype(np.uint8).tobytes().decode(errors="ignore"))))

    def spellings(self) -> list[bytes]:
        """What each id adds to a text in UTF-8: a byte piece its one byte, which may be part of a character."""
        return [self._spelling(i) for i in range(len(self))]

    def _spaced(self, text: str) -> str:
        # SentencePiece is told not to add a space of its own
        text = self.normalize(text)
        return self._before + text if text else ""

    def _spelling(self, i: int) -> bytes:
        if i in (PAD, BOS, EOS):
            return b""
        if self._processor.IsUnknown(i):
            return "\N{REPLACEMENT CHARACTER}".encode()
        piece: str = self._processor.IdToPiece(i)
        return bytes([int(piece[3:5], 16)]) if self._processor.IsByte(i) else piece.replace("\u2581", " ").encode()

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The piece behind each id, as SentencePiece spells it."""
        return [self._processor.IdToPiece(int(i)) for i in ids]


def train_tokenizer(
    texts: Iterable[str], section: TokenizerSection, *, leading_space: bool = True, split_digits: bool = False
) -> Tokenizer:
    """Learns the pieces from `texts`, read once. A small corpus gets fewer pieces than asked for.

    With `split_digits` a number is spelt digit by digit.

    Raises UsageError when `vocab_size` has no room for the characters, DataError when there is no text.
    """
    normalized = (normalize(text, section.normalization) for text in texts)
    buffer = io.BytesIO()
    # with byte fallback the rarest characters are spelt in bytes, which leaves room for longer pieces
    coverage = 0.9995 if section.byte_fallback and section.kind != "char" else 1.0
    try:
        sentencepiece.SentencePieceTrainer.Train(
            sentence_iterator=islice(_stretches(normalized, " " if leading_space else ""), _MAX_STRETCHES),
            model_writer=buffer,
            model_type=section.kind,
            vocab_size=section.vocab_size,
            hard_vocab_limit=False,
            normalization_rule_name="nmt_nfkc_cf" if section.lowercase else "identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,
            byte_fallback=section.byte_fallback,
            split_digits=split_digits,
            character_coverage=coverage,
            max_sentence_length=_STRETCH * 4 + 8,  # in bytes
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=cores(),
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error)
        if "required_chars" in reason or "vocab" in reason.lower():
            raise UsageError(
                f"tokenizer.vocab_size={section.vocab_size} is too small for the characters of this text; "
                "try --set tokenizer.vocab_size=1000"
            ) from None
        raise DataError("there is no text to train the tokenizer on") from None
    return Tokenizer(buffer.getvalue(), leading_space=leading_space, normalization=section.normalization)


def _stretches(texts: Iterable[str], before: str) -> Iterator[str]:
    for text in texts:
        for start in range(0, len(text), _STRETCH):
            yield before + text[start : start + _STRETCH]
