"""What is owed: facts of a period, measured and priced as a clause says. Pure, exact, and the same for everybody."""
