"""What to do about what customers are forecast to do, and ways to tell whether it works."""
