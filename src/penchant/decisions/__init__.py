"""What to do about what customers are forecast to do."""
