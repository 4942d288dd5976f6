"""Error budgets of what was promised, and alerts when one is used up too fast."""
