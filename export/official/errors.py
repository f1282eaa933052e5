"""The one error of reading and converting an official checkpoint."""


class OfficialError(Exception):
    """A checkpoint that cannot be read or converted; the message is one sentence a person can act on."""


def quoted(value: object) -> str:
    """What a file says of itself, for a sentence: one line of plain ASCII, at most sixty characters.

    A hostile name may hold control sequences for the terminal, or megabytes.
    """
    if not isinstance(value, str | int | float | bool | None):
        return f"a {type(value).__name__}"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge integer"
    text = ascii(value[:100] if isinstance(value, str) else value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def listed(names: object, most: int = 4) -> str:
    """Names from a file as a phrase: the first few of them, and how many more."""
    every = sorted(names) if isinstance(names, set | frozenset) else list(names)  # type: ignore[call-overload]
    some = ", ".join(quoted(name) for name in every[:most])
    return some if len(every) <= most else f"{some} and {len(every) - most} more"
