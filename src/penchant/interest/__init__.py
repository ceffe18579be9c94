"""The ideas: topics, interest, history, forecast."""
