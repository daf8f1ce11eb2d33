"""Files that `repbias audit` reads."""
