"""From a route to an open stream: the only floor that touches `socket` and `ssl`."""
