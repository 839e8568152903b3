"""The methods: recipes that join stages, networks and settings, each readable from top to bottom."""
