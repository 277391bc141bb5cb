"""The service: jobs over HTTP, painted by worker processes, and the page to ask for them."""
