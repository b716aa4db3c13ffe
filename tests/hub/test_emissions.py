"""Emissions stand on a card only where energy was measured, and as what they are."""

import pytest
import yaml
from pydantic import ValidationError

from collectivesft.config.publishing import Emissions
from collectivesft.hub.card import emissions
from collectivesft.hub.card.model_card import metadata

MEASURED = {
    "energy_kwh": 41.237, "g_per_kwh": 380, "measured_by": "NVML, 8 GPUs only",
    "intensity_from": "the grid's operator, mean of that week", "location": "Shenzhen, China",
    "hardware": "8 x A100 80GB",
}  # fmt: skip


def manifest(found: dict | None) -> dict:
    return {
        "repo": "me/model", "demo": False, "mixture": {"languages": ["zh"]}, "scores": [],
        "experiment": {"name": "own"}, "config": {"hub": {"emissions": found}},
        "base": {"licence": "MIT", "licence_url": None, "homepage": None, "source": {}},
    }  # fmt: skip


def test_the_cards_head_has_grams_and_says_what_was_measured():
    found = yaml.safe_load(metadata(manifest(MEASURED)))["co2_eq_emissions"]
    assert found == {
        "emissions": 15700.0,
        "source": "measured energy (NVML, 8 GPUs only) times a stated grid intensity "
        "(the grid's operator, mean of that week)",
        "training_type": "fine-tuning",
        "geographical_location": "Shenzhen, China",
        "hardware_used": "8 x A100 80GB",
    }


def test_the_text_keeps_measured_and_stated_apart():
    text = emissions.sentence(manifest(MEASURED))
    assert "15,700 g CO2e" in text
    assert "41.237 kWh, measured (NVML, 8 GPUs only)" in text
    assert "380 g a kWh, stated by the publisher" in text


@pytest.mark.parametrize(
    ("energy", "shown"),
    [(0.0005, "0.05 g"), (0.0123, "1.23 g"), (1.0, "100 g"), (12345, "1,230,000 g")],
)
def test_grams_are_shown_with_three_digits_and_no_exponent(energy, shown):
    content = manifest(MEASURED | {"energy_kwh": energy, "g_per_kwh": 100})
    assert emissions.sentence(content).startswith(f"Emissions: {shown} CO2e, which")


@pytest.mark.parametrize("config", [None, {}, {"hub": {}}, {"hub": {"emissions": None}}], ids=str)
def test_nothing_is_said_where_nothing_was_measured(config):
    content = manifest(None) | {"config": config}
    assert "co2_eq_emissions" not in yaml.safe_load(metadata(content))
    assert emissions.sentence(content) == "Emissions were not measured."


@pytest.mark.parametrize("lack", ["energy_kwh", "g_per_kwh", "measured_by", "intensity_from"])
def test_a_figure_without_its_measurement_is_refused(lack):
    with pytest.raises(ValidationError, match=lack):
        Emissions(**{key: value for key, value in MEASURED.items() if key != lack})
