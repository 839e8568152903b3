"""The experiments of papers, as functions that return tables and figures."""
