"""Real-time serving: durable events in, interests and recommendations out."""
