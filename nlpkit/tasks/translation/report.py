"""How near translations come to references."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from nlpkit.intervals import Interval, share_interval
from nlpkit.report import Gain, Report

if TYPE_CHECKING:
    from rich.console import Console


class Translated(NamedTuple):
    """A sentence, the translation that was found, and the one that was wanted."""

    source: str
    found: str
    wanted: str


@dataclass(frozen=True)
class TranslationReport(Report):
    """How near translations come to references. BLEU and chrF are in percent, by sacreBLEU, on text as it is, with
    their signatures; `bleu_lowercased` is BLEU on lower-cased tokens, which papers on image captions report;
    `intervals` hold both BLEUs and the exact matches in 95 % of draws of as many sentences; `each` is what BLEU is made
    of, int [sentences, 10]: the n-grams that are right, all of them, and both lengths."""

    chief = ("bleu",)

    sentences: int
    bleu: float
    chrf: float
    bleu_lowercased: float
    exact_match: float
    signatures: dict[str, str]
    translated: list["Translated"] = field(repr=False, compare=False, kw_only=True)

    def gain_over(self, yardstick: Self) -> Gain:
        return self._resampled_gain("bleu", bleu, yardstick, self.each, yardstick.each)

    def show(self, console: "Console", title: str) -> None:
        console.print(
            f"[bold]{title}[/]: {self.sentences:,} sentences  BLEU {self.told('bleu', '.2f')}  "
            f"chrF [bold]{self.chrf:.2f}[/]  "
            f"lower-cased BLEU {self.told('bleu_lowercased', '.2f')}  "
            f"exact match {self.told('exact_match', '.2%')}",
            soft_wrap=True,
        )

    def show_rows(self, console: "Console") -> None:
        """The signatures, and the sentences that came out best and worst; of those that are all right, the longest."""
        from rich.text import Text

        for metric, signature in self.signatures.items():
            console.print(f"[dim]{metric.replace('_', ' ')}: {signature}[/]", soft_wrap=True)
        scores = sentence_scores([row.found for row in self.translated], [row.wanted for row in self.translated])
        ranked = sorted(zip(scores, self.translated, strict=True), key=lambda one: (-one[0], -len(one[1].wanted)))
        for title, rows in {"best": ranked[:3], "worst": ranked[3:][-3:]}.items():
            for score, row in rows:
                console.print(f"\n[bold]{title}[/], chrF {score:.1f}")
                for side, text in row._asdict().items():
                    console.print(Text(f"  {side:7} {text}"), soft_wrap=True)


def translation_report(
    found: Sequence[str], references: Sequence[str], sources: Sequence[str] = (), resamples: int = 1_000
) -> TranslationReport:
    """Compares translations, of `sources` where they are given, with one reference each; there must be one at least."""
    from sacrebleu.metrics import BLEU, CHRF

    # forced: it would else remark on every reference that ends in a space and a full stop
    metrics = {"bleu": BLEU(force=True), "chrf": CHRF(), "bleu_lowercased": BLEU(lowercase=True, force=True)}
    scores = {name: metric.corpus_score(found, [references]).score for name, metric in metrics.items()}
    counts = {name: bleu_counts(found, references, lowercase=name != "bleu") for name in scores if name != "chrf"}
    exact = np.array([ours == theirs for ours, theirs in zip(found, references, strict=True)])
    return TranslationReport(
        sentences=len(found),
        **scores,
        exact_match=float(exact.mean()),
        signatures={name: str(metric.get_signature()) for name, metric in metrics.items()},
        intervals={
            **{name: _bleu_interval(each, scores[name], resamples) for name, each in counts.items()},
            "exact_match": share_interval(int(exact.sum()), len(exact)),
        },
        each=counts["bleu"],
        translated=[Translated(*row) for row in zip(sources or [""] * len(found), found, references, strict=True)],
    )


def bleu_counts(found: Sequence[str], references: Sequence[str], *, lowercase: bool = False) -> np.ndarray:
    """What the BLEU of a corpus is made of, sentence by sentence: int [sentences, 10]."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(lowercase=lowercase, effective_order=True, force=True)
    sentences = [metric.sentence_score(ours, [theirs]) for ours, theirs in zip(found, references, strict=True)]
    return np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in sentences])


def bleu(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU [samples] of sums [samples, 10] of `bleu_counts`, smoothed as sacreBLEU does it."""
    from sacrebleu.metrics import BLEU

    totals = (BLEU.compute_bleu(one[:4], one[4:8], one[8], one[9], smooth_method="exp") for one in sums.tolist())
    return np.array([total.score for total in totals])


def _bleu_interval(counts: np.ndarray, found: float, resamples: int) -> Interval:
    """Where corpus BLEU lies in 95 % of bootstrap samples (Koehn, 2004), widened to the BLEU that was `found` for all
    sentences where that is outside, as it can be with a handful of them.

    The draws, the smoothing and the bounds are sacreBLEU's own, which would hold all draws in memory at once.
    """
    rng = np.random.default_rng(12345)
    sums = np.array([counts[rng.choice(len(counts), len(counts))].sum(0) for _ in range(resamples)])
    outside = resamples // 40  # at either end
    inside = [found, *sorted(bleu(sums).tolist())[outside : resamples - outside]]
    return min(inside), max(inside)


def sentence_scores(found: Sequence[str], references: Sequence[str]) -> list[float]:
    """chrF of each sentence by itself, in percent."""
    from sacrebleu.metrics import CHRF

    metric = CHRF()
    return [metric.sentence_score(ours, [theirs]).score for ours, theirs in zip(found, references, strict=True)]
