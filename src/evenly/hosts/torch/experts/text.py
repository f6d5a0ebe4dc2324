"""Text that ships with Python: the language reference, in `pydoc_data`."""


def pages() -> list[str]:
    """Return the pages in the order of their names; raise `ValueError` where Python ships none."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise ValueError(
            "this Python ships no pydoc_data, whose text is trained on; install its documentation"
        ) from None
    return [topics[name] for name in sorted(topics)]
