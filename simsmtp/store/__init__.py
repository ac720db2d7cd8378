"""The store of finished replications: addressed by what they depend on, with checksums, repair and provenance."""
