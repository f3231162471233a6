"""The urllib face: requests, the opener and its handlers, and the functions on top of them."""
