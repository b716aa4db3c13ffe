"""Figures of the whole study's shape: no text runs into another one or out of the picture."""

from pathlib import Path

import pytest

from collectivesft.figures import (
    ablations,
    accuracy,
    agreement,
    contamination,
    curation,
    data_size,
    lengths,
    loss,
    mixture,
    parameters,
    subcategories,
)
from collectivesft.figures.style import inputs, label_placement, style
from tests.helpers import whole_study as study
from tests.helpers.figure_inputs import cut_texts

pytestmark = pytest.mark.filterwarnings("error")
MODELS = [study.BASE, *study.EXPERIMENTS]
RECIPES = inputs.read_recipes(study.recipes(study.EXPERIMENTS))
NAMES = {name: recipe.title for name, recipe in RECIPES.items()}
ROLES = {"bases": [study.BASE], "headline": study.HEADLINE}


def scores() -> list[dict]:
    return [study.score(name) for name in MODELS]


def draw_mixture(out: Path) -> None:
    mixture.draw(mixture.table(study.mixture(), study.ledger()["titles"]), out, ["NLPEC"])


def draw_lengths(out: Path) -> None:
    lengths.draw(lengths.table(study.mixture(), study.ledger()["titles"]), out)


def draw_contamination(out: Path) -> None:
    contamination.draw(contamination.table(study.contamination(), study.ledger()), out)


def draw_loss(out: Path) -> None:
    loss.draw(loss.table({name: study.history(name) for name in study.EXPERIMENTS}), out)


def draw_accuracy(out: Path) -> None:
    accuracy.draw(accuracy.table(scores(), study.board(), **ROLES), out, "2024-03-16")


def draw_ablations(out: Path) -> None:
    compared = {name: study.comparison(name) for name in MODELS if name != study.HEADLINE}
    ablations.draw(ablations.table(scores(), compared, NAMES, **ROLES), out)


def draw_data_size(out: Path) -> None:
    sizes = {n: study.mixture(n, study.fraction(n))["train"] for n in study.EXPERIMENTS}
    data_size.draw(data_size.table(scores(), sizes, RECIPES, study.HEADLINE), out)


def draw_parameters(out: Path) -> None:
    sizes = dict.fromkeys(MODELS, 7_737_708_544)
    rows = parameters.table(scores(), sizes, NAMES, study.board(), study.HEADLINE)
    parameters.draw(rows, out, "2024-03-16")


def draw_agreement(out: Path) -> None:
    both = [study.agreement(study.BASE), study.agreement(study.HEADLINE)]
    agreement.draw(agreement.table(both), out)


DRAWINGS = {
    "mixture": draw_mixture,
    "lengths": draw_lengths,
    "curation": lambda out: curation.draw(curation.table(study.ledger()), out),
    "contamination": draw_contamination,
    "loss": draw_loss,
    "accuracy": draw_accuracy,
    "subcategories": lambda out: subcategories.draw(subcategories.table(scores(), **ROLES), out),
    "ablations": draw_ablations,
    "data_size": draw_data_size,
    "parameters": draw_parameters,
    "agreement": draw_agreement,
}


def texts(figure) -> list:
    """Return the texts of a figure: titles, axes' names and numbers, notes, legends."""
    found = [text for text in (figure._supxlabel, figure._supylabel) if text is not None]
    for axes in (axes for axes in figure.axes if axes.get_visible()):
        found += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
        found += axes.get_legend().get_texts() if axes.get_legend() else []
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    found += [tick.label1, tick.label2]
    return [text for text in found if text.get_visible() and text.get_text().strip()]


def faults(figure) -> list[str]:
    """Texts that leave the picture, and pairs of level texts that run into each other."""
    figure.draw_without_rendering()
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    whole = figure.bbox.padded(0.1)
    found = [
        f"{text!r} leaves the picture"
        for text, box in boxes
        if box.x0 < whole.x0 or box.x1 > whole.x1 or box.y0 < whole.y0 or box.y1 > whole.y1
    ]
    level = [(t.get_text(), b.padded(-1)) for t, (_, b) in zip(texts(figure), boxes, strict=True)
             if t.get_rotation() in (0, 90)]  # fmt: skip
    for i, (text, box) in enumerate(level):
        found += [f"{text!r} over {other!r}" for other, b in level[i + 1 :] if box.overlaps(b)]
    return found


def figure_of(name: str, monkeypatch):
    """The figure as it is before it would be saved."""
    seen = []
    monkeypatch.setattr(style, "save", lambda figure, out, rows: seen.append(figure))
    DRAWINGS[name](Path("not-written.svg"))
    style.plt.close(seen[0])
    return seen[0]


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_text_of_the_whole_study_is_cut_or_covered(name, monkeypatch):
    assert faults(figure_of(name, monkeypatch)) == []


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_text_of_the_whole_study_leaves_its_svg(name, tmp_path):
    DRAWINGS[name](tmp_path / "figure.svg")
    assert cut_texts(tmp_path / "figure.svg") == []


@pytest.mark.parametrize("name", ["data_size", "parameters"])
def test_names_of_own_runs_are_there_and_on_no_line(name, monkeypatch):
    shown = [text.get_text() for text in texts(figure_of(name, monkeypatch))]
    own = {"parameters": (study.HEADLINE, f"{study.BASE} (base)"), "data_size": study.EXPERIMENTS}
    assert set(own[name]) <= set(shown)


def test_a_name_without_room_is_hidden():
    figure, axes = style.new()
    axes.plot([0, 1], [0, 1])
    look = {"xytext": (6, 0), "textcoords": "offset points"}
    notes = [axes.annotate(f"a long name {i}", (0.5, 0.5), **look) for i in range(20)]
    label_placement.place(figure, notes, [[(0, 0), (1, 1)]])
    shown = [note for note in notes if note.get_visible()]
    assert notes[0] in shown and 1 < len(shown) < 8
    for note in shown:
        box = note.get_window_extent()
        corners = axes.transData.inverted().transform(box.corners())
        above = {y > x for x, y in corners}
        assert len(above) == 1, "the line runs through the name"
