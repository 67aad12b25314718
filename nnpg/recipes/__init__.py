"""From a list of layers to a network: recipes, first weights, and the networks of the papers."""
