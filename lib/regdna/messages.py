"""Words for the messages that a user reads."""


def some(names):
    """List the first five of some names; returns a str that ends in an ellipsis if there are more."""
    names = list(names)
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
