"""From a model's folder to the forms that other runtimes take: one module a form."""
