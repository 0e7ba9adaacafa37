"""How fast the queue, a claim's page and the search are, at a thousand claims and at a million."""
