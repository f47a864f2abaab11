"""The film's data is what the topology says, and its page is safe to open whatever the texts hold."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from obce_core.errors import BadInput, NotFinite
from obce_core.figures.dots import dot_colours
from obce_core.figures.widgets.film.data import MOST, assets, film_data, film_html, film_pair
from obce_core.topology import barcode, line_merges, thin_line

CLOUDS = {
    "three points": np.array([4.0, 0.0, 1.0]),
    "two points": np.array([0.5, -0.25]),
    "one point": np.array([7.0]),
    "all equal": np.full(6, 0.1),
    "duplicates": np.array([0.0, 1.0, 0.0, 1.0, 3.0]),
    "far cluster": np.array([0.0, 0.1, 0.2, 50.0, 50.1]),
    "random": np.random.default_rng(0).normal(size=150),
    "random float32": np.random.default_rng(1).normal(size=150).astype(np.float32),
}

NASTY = [
    "</script><script>alert(1)</script>",
    "<b>bold</b> & <!-- ",
    "שלום (1)",
    "\ud800 half",
    "a\u2028b",
    "]]>",
    "{css}",
]


def texts(n: int) -> list[str]:
    return [f"text {i}" for i in range(n)]


@pytest.fixture(params=CLOUDS.values(), ids=CLOUDS.keys())
def cloud(request: pytest.FixtureRequest) -> np.ndarray:
    return request.param


def test_three_points_by_hand():
    film = film_data(CLOUDS["three points"], ["four", "zero", "one"], title="hand")
    assert film["values"] == [0.0, 1.0, 4.0]
    assert film["order"] == [1, 2, 0]
    assert film["texts"] == ["zero", "one", "four"]
    assert film["merges"] == {"radius": [0.5, 1.5], "first": [0, 0], "gap": [0, 1], "last": [1, 2]}
    assert (film["n"], film["total"], film["r_f"], film["title"], film["start"], film["upto"]) == (
        3,
        3,
        1.5,
        "hand",
        0.0,
        None,
    )


def test_the_merges_are_those_of_the_topology(cloud: np.ndarray):
    film = film_data(cloud, texts(len(cloud)))
    order, merges = line_merges(cloud)
    assert film["order"] == order.tolist()
    assert film["merges"]["radius"] == [merge.radius for merge in merges] == barcode(cloud).deaths.tolist()
    assert film["r_f"] == barcode(cloud).r_f
    for k, merge in enumerate(merges):
        assert [film["merges"][name][k] for name in ("first", "gap", "last")] == [merge.first, merge.gap, merge.last]
        assert film["order"][merge.gap] == merge.left
        assert film["order"][merge.gap + 1] == merge.right


def test_disks_touch_at_the_radius_of_their_merge(cloud: np.ndarray):
    film = film_data(cloud, texts(len(cloud)))
    values = film["values"]
    assert values == sorted(values)
    for radius, gap in zip(film["merges"]["radius"], film["merges"]["gap"], strict=True):
        assert values[gap + 1] - values[gap] == 2 * radius


def test_given_merges_are_taken(cloud: np.ndarray):
    line = thin_line(cloud, MOST)
    assert film_data(cloud, texts(len(cloud)), line) == film_data(cloud, texts(len(cloud)))


def test_duplicates_merge_at_zero():
    assert film_data(CLOUDS["duplicates"], texts(5))["merges"]["radius"] == [0.0, 0.0, 0.5, 1.0]


def test_the_data_is_plain_json(cloud: np.ndarray):
    film = film_data(cloud, texts(len(cloud)))
    assert json.loads(json.dumps(film, allow_nan=False)) == film


def test_a_text_is_cut_at_400_characters():
    film = film_data(np.arange(3.0), ["x" * 400, "y" * 401, ""])
    assert film["texts"] == ["x" * 400, "y" * 399 + "…", ""]


def test_the_signature_tells_films_apart():
    same = [film_data(np.arange(3.0), texts(3))["signature"] for _ in range(2)]
    others = [
        film_data(np.arange(3.0) * 2, texts(3))["signature"],
        film_data(np.arange(3.0)[::-1], texts(3))["signature"],
        film_data(np.arange(3.0), ["text 0", "text 1", "other"])["signature"],
        film_data(np.arange(3.0), None)["signature"],
    ]
    assert same[0] == same[1]
    assert len({same[0], *others}) == 5


@pytest.mark.parametrize(
    ("values", "given", "error", "message"),
    [
        (np.array([]), [], BadInput, "N >= 1"),
        (np.zeros((3, 2)), texts(3), BadInput, r"found \(3, 2\)"),
        (np.arange(3.0), texts(2), BadInput, "3 texts; found 2"),
        (np.array([0.0, np.nan]), texts(2), NotFinite, "1 outputs"),
        (np.array([0.0, np.inf]), texts(2), NotFinite, "1 outputs"),
    ],
)
def test_what_cannot_be_shown_is_refused(values, given, error, message):
    with pytest.raises(error, match=message):
        film_data(values, given)


def test_merges_of_another_neuron_are_refused():
    with pytest.raises(BadInput, match="merges of 3 points; found 4"):
        film_data(np.arange(3.0), texts(3), thin_line(np.arange(4.0), MOST))


class Page(HTMLParser):
    """The tags of a page, and what stands inside each script and the title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.inside.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)


def test_texts_cannot_leave_the_data():
    film = film_data(np.arange(float(len(NASTY))), NASTY, title=NASTY[0])
    film["colour"] = dot_colours(NASTY[0], NASTY)
    page = Page(film_html(film, NASTY[0]))
    scripts = [attributes.get("type") for tag, attributes in page.tags if tag == "script"]
    assert scripts == ["application/json", "module"]
    assert not [tag for tag, _ in page.tags if tag == "b"]
    assert json.loads(page.inside["script"][0]) == film
    assert film["texts"][3] == "? half"
    assert page.inside["title"][0] == NASTY[0]
    film_html(film, "\ud800").encode("utf-8")


def test_the_page_fetches_nothing():
    page = film_html(film_data(np.arange(3.0), texts(3)), "quiet")
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\s\"']+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not an address
    for tag, attributes in Page(page).tags:
        assert "src" not in attributes
        assert tag != "link" or attributes["href"] == "data:,"


def test_the_page_is_small():
    values = np.random.default_rng(0).normal(size=1500).astype(np.float32)
    empty = len(film_html(film_data(np.zeros(1), [""]), ""))
    assert empty < 90_000
    assert len(film_html(film_data(values, texts(1500)), "")) - empty < 250_000


def test_the_assets_are_the_components():
    css, js = assets()
    assert "export default function film(component)" in js
    assert "innerHTML" not in js
    assert "</script" not in js.lower()
    assert "</style" not in css.lower()
    assert "\n" in css and "\n" in js  # one line is taken for a file name by Streamlit


def test_a_large_cloud_ends_at_its_own_r_f_and_says_how_much_is_shown():
    values = np.random.default_rng(0).normal(size=MOST + 500)
    film = film_data(values, None, noun="token")
    assert (film["n"] <= MOST, film["total"], film["r_f"]) == (True, MOST + 500, barcode(values).r_f)
    assert film["start"] > 0
    assert film["upto"][-1] == MOST + 500
    assert film["texts"][0] == f"token {film['order'][0] + 1:,}"


def test_a_pair_is_told_from_either_film():
    first, second = (film_data(np.arange(3.0) * scale, texts(3), name=str(scale)) for scale in (1, 2))
    pair = film_pair(first, second, 0.5)
    assert (pair["mate"]["name"], pair["distance"]) == ("2", 0.5)
    assert (
        len({first["signature"], second["signature"], pair["signature"], film_pair(second, first, 0.5)["signature"]})
        == 4
    )
    assert json.loads(json.dumps(pair)) == pair
