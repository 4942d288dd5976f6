"""SLA meters: exact counts of exchanges per clause and slice."""
