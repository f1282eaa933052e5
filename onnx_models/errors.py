"""The one error type of everything right of the ONNX files: a code, its values, and a sentence to act on."""

from __future__ import annotations


class LineageError(Exception):
    """Something a person can act on.

    Parameters
    ----------
    code : str
        Stable dotted identifier (``model.unknown``); a translation is looked up by it.
    sentence : str
        The same in English, complete, with the values filled in. ``str(error)`` returns it.
    **values : object
        What the sentence mentions, for translations of it.

    """

    def __init__(self, code: str, sentence: str, **values: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.values = values
