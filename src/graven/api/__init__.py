"""The verbs as functions: each opens its files, runs a method and leaves its results whole or not at all."""
