"""What a model does when a feature is erased from a layer, or pushed along it."""
