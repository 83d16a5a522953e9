"""Steps that several operations share: plain functions of a context or a configuration."""
