"""The pages before the dashboard: where to find the token, and the redirect that removes it from the address."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1B2430; --soft: #5A6675; --line: #DDE2E8; --back: #FFFFFF; --box: #F4F6F8;
  --main: #1F3A5F; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #E4E9EF; --soft: #A3AEBB; --line: #2C3642; --back: #11161D; --box: #1A212B; --main: #3A78BE; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 "Source Sans Pro", "Source Sans", system-ui, sans-serif; }
main { max-width: 40rem; margin: 0 auto; padding: 14vh 1.5rem 3rem; }
.logo { color: var(--soft); font-weight: 650; letter-spacing: .04em; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; margin: .3rem 0 .8rem; letter-spacing: -.01em; }
p { margin: 0 0 .9rem; } .soft { color: var(--soft); font-size: .9rem; }
code { background: var(--box); border: 1px solid var(--line); border-radius: 4px; padding: .05em .35em;
  font-size: .9em; white-space: nowrap; }
form { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0 1.6rem; align-items: end; }
label { flex: 1 1 16rem; font-size: .9rem; color: var(--soft); }
input { display: block; width: 100%; margin-top: .25rem; padding: .55rem .7rem; font: inherit; color: var(--ink);
  background: var(--box);
  border: 1px solid var(--line); border-radius: 6px; }
button { padding: .6rem 1.1rem; font: inherit; font-weight: 600; color: #FFFFFF; background: var(--main); border: 0;
  border-radius: 6px; cursor: pointer; }
input:focus-visible, button:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; }
.wrong { border-left: 3px solid #C8283F; padding: .1rem 0 .1rem .8rem; }
"""


def entry_page(path: str, query: Iterable[tuple[str, str]], *, wrong: bool = False) -> str:
    """Return the page for a visitor without a token: what to do, and a field for the token.

    Args:
        path: the quoted path that was asked for.
        query: its other parameters, which the form keeps.
        wrong: True if a token was given and is not the one of this launch.
    """
    hidden = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query)
    notice = (
        '<p class="wrong" role="alert">The token in this address does not belong to the running dashboard. Each start '
        "makes a new one.</p>"
        if wrong
        else ""
    )
    return _page(
        "OBCE: token needed",
        "<main><div class=logo>OBCE</div><h1>This dashboard needs its token</h1>"
        f"{notice}<p>Open the address that <code>obce app</code> printed in its terminal. It ends with "
        "<code>?token=…</code>; after the "
        "first visit this browser stays signed in until the dashboard is restarted.</p>"
        f'<form method="get" action="{escape(path)}">{hidden}<label>Token<input name="token" autocomplete="off" '
        'autocapitalize="off" '
        'spellcheck="false" required autofocus></label><button>Open</button></form>'
        '<p class="soft">Links of an earlier start still work once you are signed in: they hold what was selected, '
        "not the token. "
        "The token is required because anyone with access to the dashboard can start jobs and read files as the "
        "account that "
        "runs it.</p></main>",
    )


def hop_page(target: str) -> str:
    """Return a page that redirects to another address of this server without an entry in the browser's history.

    A page, not an HTTP redirect: after a redirect from another site's link, a browser does not send the strict cookie
        that
    it was just given.
    """
    script = json.dumps(target).replace("<", "\\u003c")
    return _page(
        "OBCE",
        f"<script>location.replace({script})</script>"
        f'<noscript><main><p><a href="{escape(target)}">Open the dashboard</a></p></main></noscript>',
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width, initial-scale=1">'
        '<meta name="robots" '
        f'content="noindex"><title>{title}</title><style>{_STYLE}</style></head><body>{body}</body></html>'
    )
