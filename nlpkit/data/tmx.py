"""Translation memories (TMX): sentences in several languages, of which two make the pairs."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from nlpkit.data.compression import open_bytes
from nlpkit.errors import DataError

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CODES = ("bpt", "ept", "it", "ph", "ut")  # what they hold is another format's markup


def read_tmx(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each unit's number from 1, and its sentences by language, in small letters as the file has it (`en-us`).

    One unit is held at a time. Raises DataError for what is not TMX.
    """
    number = 0
    with open_bytes(path) as file:
        try:
            events = ElementTree.iterparse(file, ("start", "end"))
            root = next(events)[1]
            if root.tag != "tmx":
                raise DataError(f"{path}: its XML is no TMX: it begins with <{root.tag}>")
            for event, element in events:
                if event == "end" and element.tag == "tu":
                    number += 1
                    yield (
                        number,
                        {
                            (variant.get(_LANG) or variant.get("lang") or "").lower(): _text(variant)
                            for variant in element.iterfind("tuv")
                        },
                    )
                    element.clear()
                    for parent in root.iterfind("body"):
                        parent.clear()
        except ElementTree.ParseError as error:
            raise DataError(f"{path}: not TMX ({error})") from None
        except (ValueError, LookupError) as error:  # of encodings, such as GBK, that the parser does not have
            raise DataError(f"{path}: its encoding is not read ({error}); save it as UTF-8") from None


def sentence(unit: dict[str, str], language: str) -> str | None:
    """A unit's sentence in a language, of whatever country; None where there is none."""
    wanted = language.lower()
    return unit.get(wanted) or next((text for name, text in unit.items() if name.partition("-")[0] == wanted), None)


def _text(variant: ElementTree.Element) -> str:
    segment = variant.find("seg")
    return "" if segment is None else " ".join("".join(_words(segment)).split())


def _words(element: ElementTree.Element) -> Iterator[str]:
    """What is said in an element, without the markup that TMX has as text in elements of its own."""
    if element.tag not in _CODES:
        yield element.text or ""
        for inner in element:
            yield from _words(inner)
            yield inner.tail or ""
