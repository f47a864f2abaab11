"""GLUE: tasks, recipes, fine-tuning, evaluations, leaderboards and tables."""
