"""What may be shown of an address: each of its other parts can hold a word that lets in whoever has it. Pure."""


def shown(url: str) -> str:
    """The address without query, fragment, user and password."""
    plain = url.partition("?")[0].partition("#")[0]
    scheme, mark, rest = plain.partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def place(url: str) -> str:
    """Host and port as the address writes them, also of one that cannot be read."""
    return shown(url).partition("//")[2].partition("/")[0]
