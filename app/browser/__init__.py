"""What browsers need: cookies of sessions, origins, answers across origins, pages in HTML."""
