"""Changes to profiles, the directory of members and the map of users."""
