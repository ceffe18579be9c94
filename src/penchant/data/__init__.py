"""What happened and what is sold."""
