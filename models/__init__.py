"""Tables, enums and stored formats. Nothing here decides who may read."""
