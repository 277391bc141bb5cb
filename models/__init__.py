"""The embedded network, the catalogue of others, and the store that keeps them."""
