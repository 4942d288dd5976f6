"""Scraping found from traffic alone: what a partner reads beside what it is used to, off the hot path."""
