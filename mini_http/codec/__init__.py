"""Bytes to values and values to bytes: pure functions that never wait and know no sockets."""
