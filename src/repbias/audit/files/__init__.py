"""The files that `repbias audit` reads."""
