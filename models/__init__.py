"""What is stored and what words exist; nothing here decides who may read."""
