"""Settings whose parts grow together with a model's width."""

import dataclasses

from h2scale.models import settings as settings_lib


def with_features(
    settings: settings_lib.ModelSettings, num_features: int, hidden_per_feature: float = 2.0
) -> settings_lib.ModelSettings:
    """Return the same model at another width; the radial network's hidden layers follow in proportion.

    Args:
        settings: the model to resize.
        num_features: the new number of channels.
        hidden_per_feature: width of each hidden layer of the radial network per channel.
    """
    hidden = max(1, round(hidden_per_feature * num_features))
    return dataclasses.replace(
        settings, num_features=num_features, radial_hidden=(hidden,) * len(settings.radial_hidden)
    )
