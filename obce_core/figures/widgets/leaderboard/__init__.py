"""The GLUE leaderboard."""
