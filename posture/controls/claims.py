"""What the words of a sentence ask of its roll-up (`claims.toml`, which describes the fields)."""

from collections.abc import Mapping

import msgspec


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence of the document. `text` is its paraphrase, from `sentences.toml`."""

    quantifier: str = ""
    systems: tuple[str, ...] = ()
    everywhere: bool = False
    attested: str = ""
    unseen: str = ""
    note: str = ""
    text: str = ""


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every sentence by its id, in the order of the page. `controls` leads from the name of a system to the first word
    of its controls, where that is another; `names` from that word to what people call it.
    """

    controls: Mapping[str, str]
    names: Mapping[str, str]
    sentences: Mapping[str, Claim]

    def prefix(self, system: str) -> str:
        """The first word of the controls of a system."""
        return self.controls.get(system, system)


def with_texts(claims: Claims, texts: Mapping[str, str]) -> Claims:
    """The claims with what they claim, in the order of their ids. Raises ValueError where one is without the other."""
    if odd := sorted(claims.sentences.keys() ^ texts.keys()):
        raise ValueError(f"claims.toml and sentences.toml differ: {odd[0]} stands in one of them only")
    sentences = {name: msgspec.structs.replace(claims.sentences[name], text=texts[name]) for name in sorted(texts)}
    return Claims(claims.controls, claims.names, sentences)
