"""`nlpkit generate`: text in the manner of what a model was trained on, and how a text surprises it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.options import Encoding, Json, Model, check_options, load_model, note, print_json, utf8, waiting
from nlpkit.errors import DataError, UsageError

if TYPE_CHECKING:
    from nlpkit.tasks.generation.generator import Surprise, TextGenerator


def generate(
    context: typer.Context,
    prompt: str = typer.Option("", "--prompt", "-p", help="What to write on from; - reads standard input."),
    model: Model = None,
    length: int = typer.Option(400, "--length", "-n", help="So many characters at most."),
    temperature: float = typer.Option(
        None, "--temperature", "-t", help="0 takes the likeliest; higher is wilder.", show_default="0.8"
    ),
    top_k: int = typer.Option(None, help="Draw from so many of the likeliest; 0 is all of them.", show_default="all"),
    top_p: float = typer.Option(None, help="Draw from the likeliest that make up this share.", show_default="1"),
    min_p: float = typer.Option(None, help="Draw from those with this share of the likeliest's.", show_default="0"),
    repetition_penalty: float = typer.Option(
        None, help="Above 1, what was just said is likelier not.", show_default="1"
    ),
    stop: list[str] = typer.Option([], help="End before this string; may be given several times."),
    seed: int = typer.Option(None, min=0, help="The same one writes the same text.", show_default="random"),
    samples: int = typer.Option(1, "--samples", min=1, help="So many texts, side by side."),
    beam: int = typer.Option(None, min=1, help="The likeliest text that a search of this width finds; draws nothing."),
    interactive: bool = typer.Option(False, "--interactive", "-i", help="Ask for one prompt after another."),
    score: str = typer.Option(
        None, metavar="FILE", help="Tell how much each character of a file surprises; - is stdin."
    ),
    encoding: Encoding = None,
    as_json: Json = False,
) -> None:
    """Write on from a prompt; the text appears as it is written."""
    asked = ["prompt", "seed", "samples"]
    drawing = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty"]
    check_options(
        context,
        apart={
            "score": [*asked, *drawing, "length", "stop", "beam", "interactive"],
            "interactive": [*asked, "as_json"],
        },
    )
    sampling = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
    }
    sampling = {name: value for name, value in sampling.items() if value is not None}
    if beam is not None and (sampling or samples > 1 or seed is not None):
        raise UsageError("--beam draws nothing: leave the sampling options, --samples and --seed out")
    if interactive and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError("--interactive asks on a terminal; give a --prompt instead")
    if "" in stop:
        raise UsageError("--stop '' would end every text before it begins; leave it out")
    _check(length, sampling)
    utf8(prompt, "the prompt")
    for word in stop:
        utf8(word, "--stop")
    from nlpkit.tasks.generation.generator import TextGenerator

    if score is not None:
        _score(load_model(model, TextGenerator), _read(score, encoding), as_json)
        return
    if prompt == "-":
        prompt = _read("-", encoding)
    options: dict[str, Any] = {"length": length, "stop": stop, **sampling}
    generator = load_model(model, TextGenerator)
    if interactive:
        _interact(generator, options, beam)
        return
    if beam is not None:
        with waiting("searching"):
            texts = [generator.generate(prompt, length=length, stop=stop, beam=beam)]
    else:
        from secrets import randbelow

        seed = randbelow(2**31) if seed is None else seed
        if samples == 1 and not as_json:
            _show(prompt, generator.stream(prompt, seed=seed, **options))
            return
        with waiting("writing"):
            texts = generator.generate_many(prompt, samples, seed=seed, **options)
    if as_json:
        print_json({"prompt": prompt, "texts": texts, **({} if seed is None else {"seed": seed})})
    else:
        print("\n---\n".join(prompt + text for text in texts))


def _check(length: int, sampling: dict[str, Any]) -> None:
    """Refuses impossible options before a model is loaded."""
    from nlpkit.tasks.generation.sampling import Sampling

    if length < 1:
        raise UsageError(f"--length must be 1 or more, not {length}")
    try:
        Sampling(**sampling)
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        raise UsageError(f"--{name.replace('_', '-')} {rest}") from None


def _show(prompt: str, pieces: Any) -> None:
    """The prompt, and what follows it as it comes."""
    sys.stdout.write(f"\033[1m{prompt}\033[0m" if sys.stdout.isatty() else prompt)
    sys.stdout.flush()
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _interact(generator: "TextGenerator", options: dict[str, Any], beam: int | None) -> None:
    note("a prompt and Enter writes; Enter alone writes on; Ctrl-C stops a text, Ctrl-D leaves")
    text = ""
    while True:
        try:
            prompt = input("> ") or text
        except (EOFError, KeyboardInterrupt):
            print(file=sys.stderr)
            return
        written: list[str] = []
        pieces = [generator.generate(prompt, beam=beam, **options)] if beam else generator.stream(prompt, **options)
        try:
            _show("" if prompt is text else prompt, (written.append(piece) or piece for piece in pieces))  # type: ignore[func-returns-value]
        except KeyboardInterrupt:
            print()
        text = prompt + "".join(written)


def _score(generator: "TextGenerator", text: str, as_json: bool) -> None:
    if not text:
        raise DataError("there is no text to score: the file is empty")
    with waiting(f"reading {len(text):,} characters"):
        found = generator.score(text)
    bits = [piece.nats / _NAT for piece in found]
    mean = sum(bits) / len(text)
    if as_json:
        pieces = [{"text": piece.text, "bits": round(cost, 4)} for piece, cost in zip(found, bits, strict=True)]
        print_json({"characters": len(text), "bits_per_character": round(mean, 4), "pieces": pieces})
    elif sys.stdout.isatty():
        _print_coloured(found, bits)
        note(f"{mean:.4f} bits a character over {len(text):,}")
    else:
        for piece, cost in zip(found, bits, strict=True):
            print(f"{json.dumps(piece.text, ensure_ascii=False)[1:-1]}\t{cost:.4f}")
        note(f"{mean:.4f} bits a character over {len(text):,}")


_NAT = 0.6931471805599453  # nats in a bit
_SHADES = ("", "on #3b2f00", "on #5c3a00", "on #7d3c00", "on #9c2f10", "on #b81d24")
_BITS = (2, 4, 6, 8, 10)  # where one shade ends and the next begins


def _print_coloured(found: "list[Surprise]", bits: list[float]) -> None:
    from bisect import bisect

    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    legend = Text("bits: ")
    for shade, upto in zip(_SHADES, [*(f"under {b}" for b in _BITS), f"{_BITS[-1]} and more"], strict=True):
        legend.append(f" {upto} ", shade)
    console.print(legend)
    console.print(
        Text.assemble(*((piece.text, _SHADES[bisect(_BITS, cost)]) for piece, cost in zip(found, bits, strict=True)))
    )


def _read(file: str, encoding: str | None) -> str:
    """A file, or, for -, standard input, as `train` reads a document."""
    from nlpkit.data.encoding import read_text, refuse_unread

    path = Path(file)
    if file != "-" and not path.exists():
        raise UsageError(f"{file} cannot be read: there is no such file")
    refuse_unread(path)
    return read_text(path, encoding)
