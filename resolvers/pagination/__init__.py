"""Lists as connections, with sealed keyset cursors."""
