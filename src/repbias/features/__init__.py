"""Features of stimuli as data: labels, design matrices, cross-validation folds and permutations."""
