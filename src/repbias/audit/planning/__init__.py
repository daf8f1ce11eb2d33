"""Planning: which share of the variance an audit could detect, and how many stimuli it needs."""
