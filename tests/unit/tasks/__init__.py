"""Tasks: who may do what, on the log before it is done, overdue once."""
