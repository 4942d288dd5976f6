"""How values become coarser: dates, numbers, addresses. Each function takes the text of a value and returns the text of
what holds it, or UNSET for what it cannot read: never the value."""
