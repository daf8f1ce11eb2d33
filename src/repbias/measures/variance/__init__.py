"""Variance explained: what share of a representation's variance each feature accounts for.

There are two estimators, each with one name everywhere. With z the activity of a scored stimulus about the mean of the
stimuli of the fit, q what the regression from the feature, fitted without that stimulus, predicts for it, and x the
activity about the mean of all stimuli, fitted and scored,

    r2           1 - sum ||q - z||^2 / sum ||z||^2
                 The held-out R2 of test stimuli or of cross-validation, as in scikit-learn: how well the fitted
                 regression predicts new stimuli. The noise of the fit counts against it: it lies below the R2 of the
                 population, by about (1 - R2) (classes - 1) / stimuli of the fit, and below 0 for a feature that
                 explains nothing.
    r2_unbiased  sum q.z / sum x.z
                 Products of independent estimates, as in crossnobis: the noise of the fit averages out. It estimates
                 the R2 of the population without bias, and is 0 on average for a feature that explains nothing. Single
                 estimates scatter as much as those of `r2`.

Training curves, studies and measures report `r2`, where features are compared at the same number of stimuli and
classes, and the bias is negligible at the thousands of stimuli that studies have. The audit, whose data may be few,
rests its intervals, tests, statuses and derived measures (`r2_unique`, `r2_common`, `density_0.1`, ...) on
`r2_unbiased`, and reports `r2` beside it. An R2 fitted and scored on the same stimuli is too high by as much as `r2` is
too low, and is used nowhere.
"""
