"""Models behind an address: HTTP, batches of whatever waits, and a page to play with them."""
