"""State the emissions of a training, where its energy was measured."""

from typing import Any

_SOURCE = "measured energy ({measured_by}) times a stated grid intensity ({intensity_from})"


def metadata(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return ``co2_eq_emissions`` in the Hub's form (grams); nothing where none was measured."""
    found = _settings(manifest)
    if found is None:
        return {}
    content = {
        "emissions": grams(found),
        "source": _SOURCE.format(**found),
        "training_type": "fine-tuning",
        "geographical_location": found.get("location"),
        "hardware_used": found.get("hardware"),
    }
    return {"co2_eq_emissions": {key: value for key, value in content.items() if value is not None}}


def sentence(manifest: dict[str, Any]) -> str:
    """Return the card's sentence; it keeps measured and stated emissions apart."""
    found = _settings(manifest)
    if found is None:
        return "Emissions were not measured."
    return (
        f"Emissions: {_shown(grams(found))} g CO2e, which is {found['energy_kwh']:g} kWh, measured "
        f"({found['measured_by']}), times {found['g_per_kwh']:g} g a kWh, stated by the publisher "
        f"({found['intensity_from']})."
    )


def grams(found: dict[str, Any]) -> float:
    """Return the product, with no more digits than such a figure bears."""
    return float(f"{found['energy_kwh'] * found['g_per_kwh']:.3g}")


def _shown(value: float) -> str:
    """Write a number of three digits with all of them, and never with an exponent from 1 g on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"


def _settings(manifest: dict[str, Any]) -> dict[str, Any] | None:
    return (manifest.get("config") or {}).get("hub", {}).get("emissions")
