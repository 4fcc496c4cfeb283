"""How connections to a database are made, prepared and limited."""
