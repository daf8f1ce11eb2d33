"""What a model does when a feature is erased from a layer, or when activity is steered along it."""
