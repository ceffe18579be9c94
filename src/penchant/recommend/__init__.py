"""From interests to items: candidates, their blend, and the lists that rules allow."""
