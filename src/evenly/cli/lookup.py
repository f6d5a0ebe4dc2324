"""Look up what there is."""

import json

from evenly.cli.command import Json, app, examples, say, screen


@app.command(name="list", help_epilogue=examples("evenly list", "evenly list routers", "evenly list --json"))
def list_(room: str | None = None, /, *, as_json: Json = False) -> None:
    """List what there is: rooms and their plug-ins, embedded scenarios, published systems.

    Parameters
    ----------
    room
        One room, for instance `routers`; all by default.

    """
    from evenly.lookup import listing

    found = listing(room)
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for title, entries in found.items():
        screen().print(f"[bold]{title}[/]")
        for name, about in entries.items():
            screen().print(f"  {name:<20} {about}", highlight=False, markup=False)


@app.command(help_epilogue=examples("evenly show power-of-d", "evenly show engines/fastgen", "evenly show chat"))
def show(name: str, /) -> None:
    """Show one plug-in, scenario or published system: what it does, its knobs, its reference, an example.

    Parameters
    ----------
    name
        Name as `evenly list` prints it, with the room in front if it is ambiguous: `routers/power-of-d`; or a Python
        file of your own: `routers/mine.py`.

    """
    from evenly.lookup import describe

    say(describe(name))
