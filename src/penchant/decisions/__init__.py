"""What to do about a forecast: applications that read it, and ways to tell whether they work."""
